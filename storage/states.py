"""The closed lists of states, as they stand in the database, in the API and in tests.

Values that AWS owns (verification, review and enforcement status) are kept beside these as the text AWS sent; these are
what Mailroom derives from it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Access(StrEnum):
    """Whether the stored credentials still do their work."""

    OK = "ok"
    SUSPECT = "suspect"  # one access failure, being confirmed by a second, different call
    LOST = "lost"


class Production(StrEnum):
    """SES's own gate before mail to strangers."""

    SANDBOX = "sandbox"
    IN_REVIEW = "in_review"
    DENIED = "denied"
    GRANTED = "granted"


class Sending(StrEnum):
    """What AWS allows the account right now."""

    ENABLED = "enabled"
    PAUSED = "paused"
    PROBATION = "probation"
    SHUT_DOWN = "shut_down"


class IdentityKind(StrEnum):
    ADDRESS = "address"
    DOMAIN = "domain"


class IdentityState(StrEnum):
    PENDING = "pending"
    VERIFIED = "verified"
    FAILED = "failed"
    TEMPORARY_FAILURE = "temporary_failure"  # still sends, with a warning
    GONE = "gone"


SENDABLE = frozenset({IdentityState.VERIFIED, IdentityState.TEMPORARY_FAILURE})
"""What mail can be sent from, as far as it depends on the identity."""


class DmarcState(StrEnum):
    """Whether every receiver finds a DMARC policy for an identity's domain."""

    UNKNOWN = "unknown"  # not looked at yet, or the name servers did not answer
    FOUND = "found"
    MISSING = "missing"


FAILING = frozenset({IdentityState.FAILED, IdentityState.GONE})
"""What a person has to mend: by a retry, or by another identity."""


class IncidentKind(StrEnum):
    """What can be wrong with a mailer or around it, the most basic first."""

    ACCESS_LOST = "access_lost"
    REGION_OUTAGE = "region_outage"  # AWS does not answer there
    SHUT_DOWN = "shut_down"
    SENDING_PAUSED = "sending_paused"
    PROBATION = "probation"
    PRODUCTION_DENIED = "production_denied"
    IDENTITY_LOST = "identity_lost"  # it was verified once
    VERIFICATION_FAILED = "verification_failed"
    VERIFICATION_ENDING = "verification_ending"  # AWS is about to give up
    DMARC_LOST = "dmarc_lost"  # it was found before
    BOUNCES = "bounces"
    COMPLAINTS = "complaints"
    EVENTS_MISSING = "events_missing"  # SES tells nothing of the mails it took
    QUOTA_USED_UP = "quota_used_up"
    QUOTA_LOW = "quota_low"
    WEBHOOK_FAILING = "webhook_failing"  # the team's, not the mailer's


class IncidentState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class SendKind(StrEnum):
    """What a person asked for; whether a broadcast is a small one is decided by its size."""

    TEST = "test"
    BROADCAST = "broadcast"


class SignIn(StrEnum):
    """How a mailer signs in to AWS."""

    ACCESS_KEY = "access_key"
    ROLE = "role"


class BroadcastState(StrEnum):
    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    STOPPED = "stopped"  # by the reputation limits, or by an error that no waiting mends


UNSENT = frozenset({BroadcastState.DRAFT, BroadcastState.AWAITING_APPROVAL})
"""Of a broadcast that nobody, or not everybody whom it takes, has said yes to."""

OPEN_STATES = (BroadcastState.SCHEDULED, BroadcastState.SENDING, BroadcastState.PAUSED)
"""Of a broadcast that was confirmed and has not ended."""


class ApprovalRule(StrEnum):
    """Which broadcasts of a team need the yes of somebody else."""

    NEVER = "never"
    FROM = "from"  # those to at least so many recipients
    ALWAYS = "always"


class KeepRecipients(StrEnum):
    """How long after its end a broadcast still says who its recipients were."""

    DAYS_90 = "90_days"
    YEAR = "1_year"
    FOR_EVER = "for_ever"


class HeadingFont(StrEnum):
    """The font of the headings of a team's mails."""

    SYSTEM = "system"  # the reader's own
    SERIF = "serif"


class PauseReason(StrEnum):
    """Why a broadcast waits. Several may hold at once; it goes on when none is left."""

    PERSON = "person"
    QUOTA = "quota"
    ACCESS = "access"
    SENDING = "sending"
    IDENTITY = "identity"
    REPUTATION = "reputation"
    UNREACHABLE = "unreachable"
    LATE = "late"
    DELETING = "deleting"  # nothing sets it; programs know it from the API, where a value stays
    RESTORED = "restored"  # from a copy: what has gone out since nobody knows


class ChunkState(StrEnum):
    PENDING = "pending"  # nothing sets it; it stays in the CHECK of the column, which only a copy of the table ends
    CALLING = "calling"  # the intent is committed; the answer is not
    DONE = "done"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"


class DeliveryState(StrEnum):
    """One recipient of one broadcast. Over a broadcast these add up to its audience at every moment."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"


ACCEPTED = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.COMPLAINED)
"""By SES, whatever became of it."""


class SuppressionReason(StrEnum):
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINT = "complaint"
    BOUNCE = "bounce"
    BY_HAND = "by_hand"
    ERASED = "erased"  # a person asked to be forgotten; once that is done, a hash stands in the address's place


class TokenScope(StrEnum):
    """What a program may do with an API token."""

    READ = "read"
    DRAFT = "draft"
    SEND = "send"
    AUDIENCES = "audiences"
    SUPPRESSIONS = "suppressions"
    PEOPLE = "people"


class PollKind(StrEnum):
    """What a poll row is the due time of."""

    ACCOUNT = "account"  # facts of one mailer: account and identities
    ACCESS_CHECK = "access_check"  # the daily walk through every permission
    FEEDBACK = "feedback"  # the events of a mailer that sent lately
    REPUTATION = "reputation"  # bounces or complaints; a team admin decides
    SELF_TEST = "self_test"  # whether events come back at all
    SUPPRESSIONS = "suppressions"  # the account's own list at AWS
    FORWARDING = "forwarding"  # AWS's own mails about bounces and complaints
    SENDER_RULES = "sender_rules"  # what receivers require of the domains
    ERASE = "erase"  # a person, everywhere
    CHANNEL = "channel"  # how a team's channel is, as Slack sees it


class Content(StrEnum):
    """What a message was written as."""

    RICH_TEXT = "rich_text"
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    CANVAS = "canvas"


def content_of(body: Mapping[str, Any]) -> Content | None:
    """Return what a body was written as; None where nothing is written yet."""
    if not body:
        return None
    if "canvas" in body:
        return Content.CANVAS
    return Content(body.get("content", body["type"]))

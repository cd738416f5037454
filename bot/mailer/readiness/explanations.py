"""A sentence and a next step for every code of readiness.

Names in the sentences come from people and AWS: the caller escapes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.email_addresses import shown
from bot.mailer.aws_states import awaited_until
from bot.mailer.readiness.facts import IdentityFact, MailerFacts
from bot.mailer.readiness.rules import Blocker, Confirmation, Readiness, SendWarning
from bot.wording import count, duration
from storage import IdentityKind

ReadinessCode = Blocker | SendWarning | Confirmation


class NextStep(StrEnum):
    """What mends it. All but the last four are a button of the status card."""

    CONNECT = "connect"
    RECONNECT = "reconnect"
    ADD_IDENTITY = "add_identity"
    CHECK_NOW = "check_now"
    RETRY = "retry"
    APPLY = "apply"
    SENDER_RULES = "sender_rules"
    CONFIRM = "confirm"
    WAIT = "wait"
    ASK_AWS = "ask_aws"


@dataclass(frozen=True, slots=True)
class Explanation:
    code: ReadinessCode
    sentence: str
    step: NextStep


_TABLE: Mapping[ReadinessCode, tuple[str, NextStep]] = {
    Blocker.NO_MAILER: ("This channel has no mailer yet: connect Amazon SES to send from here.", NextStep.CONNECT),
    Blocker.ACCESS_LOST: (
        "Mailroom has lost its access to AWS, so nothing can be sent: reconnect with credentials that work.",
        NextStep.RECONNECT,
    ),
    Blocker.ACCESS_SUSPECT: (
        "AWS just refused Mailroom's credentials, so broadcasts wait for a second check: try again in a minute.",
        NextStep.WAIT,
    ),
    Blocker.ACCOUNT_SHUT_DOWN: (
        "AWS has shut down this account's sending, so nothing can be sent: answer the case in AWS Support Center.",
        NextStep.ASK_AWS,
    ),
    Blocker.SENDING_PAUSED: (
        "AWS has paused this account's sending, so nothing can be sent: answer the case in AWS Support Center.",
        NextStep.ASK_AWS,
    ),
    Blocker.NO_VERIFIED_IDENTITY: (
        "No address or domain is verified, so nothing can be sent: verify an address, which takes a minute.",
        NextStep.ADD_IDENTITY,
    ),
    Blocker.IDENTITY_UNKNOWN: (
        "{from_address} belongs to no identity in your AWS account, so nothing can be sent from it: add it{or_via}.",
        NextStep.ADD_IDENTITY,
    ),
    Blocker.IDENTITY_PENDING: (
        "{identity} cannot send yet: AWS waits for {awaited}{wait}. {mend}, then check now{or_via}.",
        NextStep.CHECK_NOW,
    ),
    Blocker.IDENTITY_FAILED: (
        "AWS could not verify {identity}, so nothing can be sent from it: retry the verification{or_via}.",
        NextStep.RETRY,
    ),
    Blocker.IDENTITY_GONE: (
        "{identity} is no longer in your AWS account, so nothing can be sent from it: verify it again{or_via}.",
        NextStep.RETRY,
    ),
    Blocker.SANDBOX: (
        "Your AWS account is in the SES sandbox, so only tests can go: apply for production access to broadcast.",
        NextStep.APPLY,
    ),
    Blocker.IN_REVIEW: (
        "AWS is reviewing your request for production access, so only tests can go: wait for its answer.",
        NextStep.WAIT,
    ),
    Blocker.DENIED: (
        "AWS denied production access, so only tests can go: answer {case} in AWS Support Center.",
        NextStep.ASK_AWS,
    ),
    Blocker.QUOTA: ("This would go to {size}, and {quota}: wait until it frees, or send to fewer.", NextStep.WAIT),
    Blocker.FACTS_STALE: (
        "Mailroom last heard from AWS at {checked_at}, too long ago to send on: check now.",
        NextStep.CHECK_NOW,
    ),
    SendWarning.PROBATION: (
        "AWS has put this account on probation and may pause it: mail only people who asked, and answer its case.",
        NextStep.ASK_AWS,
    ),
    SendWarning.IDENTITY_TEMPORARY_FAILURE: (
        "AWS cannot find the records of {identity} just now: it still sends, but check its DNS before AWS stops it.",
        NextStep.CHECK_NOW,
    ),
    SendWarning.FREEMAIL_FROM: (
        "Others may junk or refuse what SES sends from {from_address} (DMARC): send from a domain of your own.",
        NextStep.ADD_IDENTITY,
    ),
    SendWarning.DNS_SILENT: (
        "Whether {domain} has DMARC, which large receivers want, is not known: its name servers do not answer.",
        NextStep.SENDER_RULES,
    ),
    Confirmation.OVER_QUOTA: (
        "This goes to {size}, and {quota}: it pauses when the quota is used up, goes on as it frees, takes {duration}.",
        NextStep.CONFIRM,
    ),
    Confirmation.NO_ONE_CLICK: (
        "This goes to {size} without one-click unsubscribe, which large receivers want above 5,000: they may junk it.",
        NextStep.SENDER_RULES,
    ),
    Confirmation.NO_DMARC: (
        "This goes to {size}, and {domain} has no DMARC, which large receivers want above 5,000: they may junk it.",
        NextStep.SENDER_RULES,
    ),
    Confirmation.LARGE_IMAGES: (
        "The images of each mail are more than 500 KB: it takes long to load, and Amazon SES asks for each byte.",
        NextStep.CONFIRM,
    ),
}
_AWAITED = {  # what AWS waits for, and what brings it
    IdentityKind.ADDRESS: ("a click on the link it mailed there", "Click it"),
    IdentityKind.DOMAIN: ("its DKIM records in the DNS", "Publish them"),
}


def explanation(code: ReadinessCode, answer: Readiness) -> Explanation:
    """Return what one code of an answer says, filled with the facts it was decided on."""
    sentence, step = _TABLE[code]
    return Explanation(code, sentence.format_map(_values(answer)), step)


def warnings(answer: Readiness) -> tuple[Explanation, ...]:
    """Return the warnings, which block nothing."""
    return tuple(explanation(code, answer) for code in answer.warnings)


def explain(answer: Readiness) -> tuple[Explanation, ...]:
    """Return all that an answer says: blockers, most basic first, then warnings and confirmations."""
    codes: tuple[ReadinessCode, ...] = (*answer.blockers, *answer.warnings, *answer.confirmations)
    return tuple(explanation(code, answer) for code in codes)


def _values(answer: Readiness) -> dict[str, str]:
    facts, identity = answer.facts, answer.identity
    awaited, mend = _AWAITED[identity.kind if identity else IdentityKind.DOMAIN]
    values = {
        "from_address": shown(answer.from_address) or "This address",
        "identity": shown(identity.name) if identity else "This identity",
        "domain": shown(identity.name.rpartition("@")[2]) if identity else "its domain",
        "awaited": awaited,
        "mend": mend,
        "wait": _wait(identity),
        "or_via": f", or send from {_either(answer)}" if answer.via else "",
        "size": count(answer.size, "recipient"),
        "duration": about(answer.duration),
    }
    if facts is not None:
        values |= {
            "quota": quota_in_words(facts),
            "checked_at": at(facts.checked_at),
            "case": f"case {shown(facts.review_case_id)}" if facts.review_case_id else "the case",
        }
    return values


def _wait(identity: IdentityFact | None) -> str:
    if identity is None or identity.pending_since is None:
        return ""
    until = awaited_until(identity.kind, identity.pending_since)
    return f", since {at(identity.pending_since)} and until {at(until)}"


def _either(answer: Readiness) -> str:
    names = [name if "@" in name else f"any address at {name}" for name in map(shown, answer.via[:5])]
    return " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


def quota_in_words(facts: MailerFacts) -> str:
    """Return the rest of the daily quota, with the numbers behind it."""
    if facts.quota_left is None:
        return "there is no daily quota"
    return (
        f"{facts.quota_left:,} of the daily quota of {facts.max_24_hour_send:,.0f} is left "
        f"({facts.sent_last_24_hours:,.0f} sent in 24 hours)"
    )


def at(moment: datetime) -> str:
    """Return a UTC moment as people read it."""
    return f"{moment.day} {moment:%b %H:%M} UTC"


def about(length: timedelta | None) -> str:
    """Return a duration that was estimated, as people say it: `about 3 days`."""
    return f"about {duration(length.total_seconds())}" if length else "an unknown time"

"""What AWS says, turned into the states that Mailroom keeps; the one place where that is decided.

A value that is on no list of AWS's is treated as its most careful neighbour, logged once and counted, so that a new
word from AWS neither opens a gate nor stops the watch.
"""

from datetime import datetime, timedelta

from bot import unknown_answers
from storage import IdentityKind, IdentityState, Production, Sending

_REVIEWS = {
    "": Production.SANDBOX,  # never applied
    "PENDING": Production.IN_REVIEW,
    "DENIED": Production.DENIED,
    "FAILED": Production.SANDBOX,  # AWS's own failure: it never got the request, so one may apply again
    "GRANTED": Production.SANDBOX,  # granted, and yet without access: the gate is shut, and one may apply again
}
_ENFORCEMENTS = {"HEALTHY": Sending.ENABLED, "PROBATION": Sending.PROBATION, "SHUTDOWN": Sending.SHUT_DOWN}
_VERIFICATIONS = {
    "PENDING": IdentityState.PENDING,
    "NOT_STARTED": IdentityState.PENDING,
    "SUCCESS": IdentityState.VERIFIED,
    "FAILED": IdentityState.FAILED,
    "TEMPORARY_FAILURE": IdentityState.TEMPORARY_FAILURE,
}
# An email link works for 24 hours; DKIM records are looked for during 72 (GetIdentityVerificationAttributes).
_AWS_LOOKS_FOR = {IdentityKind.ADDRESS: timedelta(hours=24), IdentityKind.DOMAIN: timedelta(hours=72)}


def production_of(production_access: bool, review_status: str) -> Production:
    """Derive the state of SES's gate from `ProductionAccessEnabled` and `Details.ReviewDetails.Status`.

    Access that is there counts, whatever a later review says. A review status on no list is `sandbox`: it sends to
    nobody but verified recipients, and leaves *Apply* open.
    """
    if production_access:
        return Production.GRANTED
    if review_status not in _REVIEWS:
        unknown_answers.answers.met("ses", "GetAccount", f"review status {review_status}")
    return _REVIEWS.get(review_status, Production.SANDBOX)


def sending_of(sending_enabled: bool, enforcement_status: str) -> Sending:
    """Derive what AWS allows from `SendingEnabled` and `EnforcementStatus`.

    An enforcement status on no list is `probation` while AWS leaves sending enabled, else `paused`.
    """
    if enforcement_status not in _ENFORCEMENTS:
        unknown_answers.answers.met("ses", "GetAccount", f"enforcement status {enforcement_status}")
    sending = _ENFORCEMENTS.get(enforcement_status, Sending.PROBATION)
    return sending if sending_enabled or sending is Sending.SHUT_DOWN else Sending.PAUSED


def identity_state_of(verification_status: str, sends: bool) -> IdentityState:
    """Derive an identity's state from `VerificationStatus` and whether AWS lets it send.

    `sends` is `VerifiedForSendingStatus` (in the list of identities: `SendingEnabled`). `gone` never comes from here:
    it is what NotFoundException means. A status on no list is `pending`: no mail, no alarm, nothing deleted.
    """
    if verification_status not in _VERIFICATIONS:
        unknown_answers.answers.met("ses", "GetEmailIdentity", f"verification status {verification_status}")
    state = _VERIFICATIONS.get(verification_status, IdentityState.PENDING)
    return IdentityState.PENDING if state is IdentityState.VERIFIED and not sends else state


def awaited_until(kind: IdentityKind, pending_since: datetime) -> datetime:
    """Return when AWS stops looking for what verifies the identity and calls it failed."""
    return pending_since + _AWS_LOOKS_FOR[kind]

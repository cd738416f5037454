"""What each kind of incident is in words: what happened, what it stops, what to do, and how its end reads."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from bot.mailer.identities.recovery_state import Intent
from bot.wording import count
from handlers.slack.text import code, esc, when
from handlers.slack.views.mailer.identities import UNDER_WAY
from storage import Incident, IncidentKind

NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Words:
    """`title` and `over` are short sentences without a full stop; AWS's and people's words in them are escaped."""

    title: str
    stops: str
    do: str
    over: str


def words_of(incident: Incident) -> Words:
    words = _WORDS[incident.kind]
    return words if isinstance(words, Words) else words(incident.detail)


def _access_lost(detail: dict[str, Any]) -> Words:
    stops = (
        "No test and no broadcast goes out; a broadcast that was being sent has paused, and nobody is left out or "
        "mailed twice. What the account and its identities do is not seen meanwhile."
    )
    action = str(detail.get("action", ""))
    if action == "sts:AssumeRole":
        return Words(
            "The role no longer lets Mailroom in",
            stops,
            "Put the role and its trust policy back in IAM: Mailroom notices by itself. Or press *Reconnect* and give "
            "another role; paused broadcasts then offer *Resume*.",
            "The role lets Mailroom in again",
        )
    if action:
        return Words(
            f"The policy in AWS no longer allows {code(action)}",
            stops,
            "Allow it again in IAM: Mailroom notices by itself. Or press *Reconnect* and give credentials that may; "
            "paused broadcasts then offer *Resume*.",
            "The policy in AWS allows all that Mailroom needs again",
        )
    return Words(
        f"AWS no longer accepts Mailroom's credentials ({code(str(detail.get('code', '')))})",
        stops,
        "Press *Reconnect* and give a key that works; paused broadcasts then offer *Resume*. If the key was switched "
        "off by mistake, switch it on again in IAM: Mailroom notices by itself.",
        "AWS accepts Mailroom's credentials again",
    )


def _region_outage(detail: dict[str, Any]) -> Words:
    region = esc(str(detail.get("region", "")))
    return Words(
        f"AWS does not answer in {region}",
        "Mailroom cannot see how the account stands, and starts no broadcast on what it knew before. Your credentials "
        "are not the trouble, as far as can be seen.",
        "Nothing, but wait: Mailroom tries again every minute, *Check now* does at once, and this channel is told. "
        "`/mailer` still shows what is known of the account. AWS reports outages on "
        "<https://health.aws.amazon.com/health/status|AWS Health>.",
        f"AWS answers in {region} again",
    )


def _production_denied(detail: dict[str, Any]) -> Words:
    case = f" {code(str(detail['case']))}" if detail.get("case") else ""
    return Words(
        "AWS denied production access",
        "Broadcasts. Tests still go, as in the sandbox: to verified addresses and to the SES simulator.",
        f"Answer the case{case} in the AWS Support Center: say whom you mail, how they signed up, and how you handle "
        "bounces and unsubscribes. AWS takes no second application.",
        "AWS no longer denies production access",
    )


def _identity_lost(detail: dict[str, Any]) -> Words:
    name = _names(detail)
    if detail.get("state") == "gone":
        title = f"{name} is no longer in the AWS account"
    else:
        title = f"{name} can no longer send: AWS does not find what verified it{_error(detail)}"
    return Words(title, _STOPS_IDENTITY, _mends_identity(detail), _over(detail))


def _verification_failed(detail: dict[str, Any]) -> Words:
    name = _names(detail)
    title = f"AWS could not verify {name}{_error(detail)}"
    return Words(title, _STOPS_IDENTITY, _mends_identity(detail), _over(detail))


def _verification_ending(detail: dict[str, Any]) -> Words:
    name = _names(detail)
    until = f" at {when(datetime.fromisoformat(detail['until']))}" if "until" in detail else " soon"
    by_link = detail.get("kind") == "address"
    return Words(
        f"AWS gives up on verifying {name}{until}",
        "Nothing more than now: it cannot send. After that its verification has to be started again.",
        "Have the link clicked that AWS mailed to it; look in the spam folder, too."
        if by_link
        else "Put its DKIM records into the DNS. *Check now* says which one is missing or wrong.",
        f"AWS no longer waits for {name}",
    )


def _dmarc_lost(detail: dict[str, Any]) -> Words:
    name = _names(detail)
    return Words(
        f"{name} no longer has a DMARC record",
        "Nothing here: tests and broadcasts still go. Gmail, Yahoo and Outlook may junk or refuse what goes to many of "
        "their users, and a broadcast to more than 5,000 recipients asks first.",
        "Put the record back into the DNS. *Sender rules* shows what was found and what to publish.",
        f"{name} has a DMARC record again",
    )


def _reputation(detail: dict[str, Any], *, what: str, stop_at: str) -> Words:
    share = 100 * detail.get("count", 0) / max(1, detail.get("sent", 0))
    stops = (
        "The broadcast that was being sent has been stopped. A team admin can let it go on from its own message."
        if detail.get("stops")
        else f"Nothing yet. At {stop_at} a broadcast that is being sent is stopped; AWS pauses accounts not far above."
    )
    return Words(
        f"{detail.get('count', 0):,} of {detail.get('sent', 0):,} mails in the last 24 hours {what} ({share:.2g} %)",
        stops,
        "Look where these addresses came from: mail only people who asked for it, and leave old lists alone. Each one "
        "is suppressed already, and is not mailed again.",
        f"Fewer mails {what}",
    )


def _events_missing(detail: dict[str, Any]) -> Words:
    return Words(
        f"SES tells nothing of the mails it took: {count(detail.get('count', 0), 'mail')}, and not one event",
        "Mail still goes out, but bounces and complaints are not seen: nobody is suppressed for them, no broadcast is "
        "stopped before AWS would stop the account, and what is in doubt stays in doubt.",
        _MENDS_EVENTS[str(detail.get("way", ""))],
        "SES tells again what becomes of mails",
    )


def _quota_low(detail: dict[str, Any]) -> Words:
    return Words(
        f"Most of the daily quota is used: {_numbers(detail)} in the last 24 hours",
        "Nothing yet. A test over what is left is refused; a broadcast over it pauses, and goes on as the quota frees.",
        "Nothing, if that is enough for today. For more, ask AWS to raise the quota in the Service Quotas console.",
        "The daily quota is no longer low",
    )


def _quota_used_up(detail: dict[str, Any]) -> Words:
    return Words(
        f"The daily quota is used up: {_numbers(detail)} in the last 24 hours",
        "Tests are refused until some of it is free. Broadcasts wait, and go on by themselves as it frees.",
        "Nothing, if it can wait. For more, ask AWS to raise the quota in the Service Quotas console.",
        "Some of the daily quota is free again",
    )


def _webhook_failing(detail: dict[str, Any]) -> Words:
    gone, dropped = detail.get("gone"), detail.get("dropped", 0)
    lost = f" {count(dropped, 'event')} waited for three days and will not be told any more." if dropped else ""
    answer = code(str(detail.get("answer", "")))
    return Words(
        "The webhook is switched off: its receiver answered 410, gone"
        if gone
        else f"The webhook's receiver has not taken what it was told for a day ({answer})",
        f"{count(detail.get('waiting', 0), 'event')} wait to be told.{lost}"
        + (" What happens meanwhile is not kept for it." if gone else "")
        + " All else goes on as before.",
        "Have its operator look: *Webhook* in `/mailer settings` has the last answers under *Attempts*, and takes "
        "another address. *Retry* posts what waits at once; *Switch off* forgets the webhook.",
        "The webhook's receiver takes what it is told again",
    )


_MENDS_EVENTS = {
    "queue": "Press *Check now*: Mailroom looks at its configuration set, its topic and its queue at AWS, puts back "
    "what is missing, and mails the SES simulator to see whether an event comes.",
    "endpoint": "The operator of Mailroom must make sure that its public address can be reached from the internet. "
    "*Check now* puts back what is missing at AWS, and mails the SES simulator to see whether an event comes.",
    "": "Nothing leads from SES to Mailroom any more. Allow SQS in the policy again, as the README has it, then press "
    "*Check now*.",
}
_STOPS_IDENTITY = "Nothing is sent from it; what is sent from other verified identities goes on."
_WORDS: dict[IncidentKind, Words | Callable[[dict[str, Any]], Words]] = {
    IncidentKind.ACCESS_LOST: _access_lost,
    IncidentKind.REGION_OUTAGE: _region_outage,
    IncidentKind.SHUT_DOWN: Words(
        "AWS has shut down this account's sending",
        "Nothing goes out from this account, and AWS does not take that back by itself.",
        "Answer AWS's case in the AWS Support Center.",
        "AWS lets this account send again",
    ),
    IncidentKind.SENDING_PAUSED: Words(
        "AWS has paused this account's sending",
        "No test and no broadcast goes out; a broadcast that was being sent has paused. Trying again would not help.",
        "Look for AWS's mail about it, and answer its case in the AWS Support Center: say what caused the bounces or "
        "complaints, and what you changed.",
        "AWS lets this account send again",
    ),
    IncidentKind.PROBATION: Words(
        "AWS has put this account on probation",
        "Nothing yet: tests and broadcasts still go. If bounces or complaints do not fall, AWS pauses the account.",
        "Mail only people who asked for it, leave old lists alone, and answer AWS's case in the AWS Support Center.",
        "AWS has taken this account off probation",
    ),
    IncidentKind.PRODUCTION_DENIED: _production_denied,
    IncidentKind.IDENTITY_LOST: _identity_lost,
    IncidentKind.VERIFICATION_FAILED: _verification_failed,
    IncidentKind.VERIFICATION_ENDING: _verification_ending,
    IncidentKind.DMARC_LOST: _dmarc_lost,
    IncidentKind.BOUNCES: partial(_reputation, what="bounced for good", stop_at="5 %"),
    IncidentKind.COMPLAINTS: partial(_reputation, what="drew a complaint", stop_at="0.3 %"),
    IncidentKind.EVENTS_MISSING: _events_missing,
    IncidentKind.QUOTA_USED_UP: _quota_used_up,
    IncidentKind.QUOTA_LOW: _quota_low,
    IncidentKind.WEBHOOK_FAILING: _webhook_failing,
}


# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_VerificationInfo.html, ErrorType
_CAUSES = {
    "HOST_NOT_FOUND": "AWS found nothing in the DNS under the names of its records. ",
    "TYPE_NOT_FOUND": "AWS found the names of its records in the DNS, but with records of another type. ",
    "INVALID_VALUE": "AWS found its records in the DNS, but with other values. ",
    "DNS_SERVER_ERROR": "The name servers of the domain gave AWS an error. ",
    "SERVICE_ERROR": "The error was on AWS's side. ",
}


def _names(detail: dict[str, Any]) -> str:
    """Name the identity, or how many of them and the first ones."""
    if "members" not in detail:
        return esc(str(detail.get("name", "")))
    names = [esc(str(name)) for name in detail["names"]]
    shown = ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
    return f"{count(len(names), 'identity', 'identities')} ({shown})"


def _over(detail: dict[str, Any]) -> str:
    names = _names(detail)
    return f"The trouble with {names} is over" if "members" in detail else f"{names} is verified again"


def _error(detail: dict[str, Any]) -> str:
    return f" ({code(str(detail['error']))})" if detail.get("error") else ""


def _mends_identity(detail: dict[str, Any]) -> str:
    if "members" in detail:
        return (
            "Look for what they have in common: their DNS, or somebody at the AWS account. *Check now* asks AWS again "
            "and lists those that fail, with what mends each; so does `/mailer`."
        )
    if detail.get("intent"):
        under_way = UNDER_WAY[Intent(detail["intent"])]
        return f"Nothing: it {under_way} already, and this channel is told how that ends."
    return (
        f"{_CAUSES.get(str(detail.get('error')), '')}*Retry verification* starts it again at AWS, with the same "
        "settings: have its DNS records, or its mailbox, at hand. *Replace identity* takes another address or domain "
        "instead."
    )


def _numbers(detail: dict[str, Any]) -> str:
    return f"{detail.get('sent', 0):,} of {detail.get('limit', 0):,}"

"""What was done last, and by whom: every action that is ever written down, in words."""

from collections.abc import Callable
from typing import Any

from slack_sdk.models.blocks import Block

from bot.teams.settings import History
from bot.wording import count
from handlers.slack.text import esc, mention, when
from handlers.slack.views.blocks import Message, section
from storage import Audit
from storage.audit import API_TOKEN, MAILROOM, Action

ROWS_A_SECTION = 10


def history_message(last: History) -> Message:
    """What was done last, the newest first."""
    if not last.rows:
        return Message("Nothing was done here yet", [section("Nothing was done here yet.")])
    lines = [f"{when(row.at)} · {_who(row.actor, last)} {_sentence(row, last)}" for row in last.rows]
    blocks: list[Block] = [
        section("\n".join(lines[at : at + ROWS_A_SECTION])) for at in range(0, len(lines), ROWS_A_SECTION)
    ]
    return Message("What was done last", [section("*What was done last*"), *blocks])


def _who(actor: str, last: History) -> str:
    if actor == MAILROOM:
        return "Mailroom"
    if actor.startswith(API_TOKEN):
        name = last.tokens.get(actor.removeprefix(API_TOKEN))
        return f"API token {esc(name, 40)}" if name else "an API token that was revoked since"
    return mention(actor)


def _sentence(row: Audit, last: History) -> str:
    action: Any = row.action  # a row may be older than the list of actions
    if action in _OF_BROADCAST:
        subject = esc(last.subjects.get(row.subject, "of which nothing is left"), 60)
        return f"{_OF_BROADCAST[action]} “{subject}”{_reasons(row)}"
    if action in _OF_TEAM:
        return _OF_TEAM[action](row)
    words = _SENTENCES.get(action, "did something that has no words any more")
    return words.format(subject=esc(row.subject, 80), name=esc(str(row.after.get("name", "")), 80))


def _reasons(row: Audit) -> str:
    reasons = ", ".join(esc(str(reason).replace("_", " "), 30) for reason in row.after.get("reasons") or ())
    recipients = count(row.after["recipients"], "recipient") if "recipients" in row.after else ""
    told = ", ".join(filter(None, (reasons, recipients)))
    return f" ({told})" if told else ""


def _admins(row: Audit) -> str:
    before, after = set(row.before.get("admins", ())), set(row.after.get("admins", ()))
    parts = [f"appointed {mention(user)}" for user in sorted(after - before)]
    parts += [f"dismissed {mention(user)}" for user in sorted(before - after)]
    return f"{', '.join(parts)} as team admin"


def _settings(row: Audit) -> str:
    return f"changed {', '.join(_SETTINGS.get(name, name) for name in row.after)}"


def _described(row: Audit) -> str:
    changed = [name for name, value in row.after.items() if row.before.get(name) != value]
    return f"saw that the channel {', '.join(_CHANGED[name](row.after[name]) for name in changed if name in _CHANGED)}"


def _reach(row: Audit) -> str:
    if row.after.get("reachable"):
        return "can speak in this channel again"
    why = str(row.after.get("why", "")).replace("_", " ")
    return f"could no longer speak in this channel ({esc(why, 40)})"


_SETTINGS = {
    "from_name": "the From name",
    "reply_to": "the reply address",
    "postal_address": "the postal address",
    "senders": "who may send",
    "tests_go_to": "where tests go",
    "approval": "which broadcasts need approval",
    "approval_from": "from how many recipients on they do",
    "approvers": "who approves",
    "approvals": "how many must approve",
    "logo": "the logo",
    "colour": "the colour",
    "heading_font": "the heading font",
    "footer_words": "the words at the foot",
}
_CHANGED: dict[str, Callable[[Any], str]] = {
    "name": lambda name: f"is now named #{esc(str(name), 80)}",
    "private": lambda private: "is now private" if private else "is now public",
    "shared": lambda shared: "is shared with another workspace" if shared else "is shared with nobody any more",
}
_OF_TEAM: dict[Action, Callable[[Audit], str]] = {
    "team.admins": _admins,
    "team.described": _described,
    "team.reach": _reach,
    "team.settings": _settings,
}
_OF_BROADCAST: dict[Action, str] = {
    "broadcast.approve": "approved the broadcast",
    "broadcast.ask": "asked for approval of the broadcast",
    "broadcast.cancel": "cancelled the broadcast",
    "broadcast.change_from": "gave another From address to the broadcast",
    "broadcast.confirm": "confirmed the broadcast",
    "broadcast.copy": "made a draft of the broadcast",
    "broadcast.discard": "discarded the draft",
    "broadcast.edit": "changed the draft",
    "broadcast.expire": "ended, since nobody acted on it in time, the draft or request",
    "broadcast.finish": "finished the broadcast",
    "broadcast.go_on": "went on with the broadcast",
    "broadcast.hold": "paused the broadcast",
    "broadcast.leave_in_doubt": "left as it is what is in doubt of the broadcast",
    "broadcast.list": "asked for the list of recipients of the broadcast",
    "broadcast.forget": "forgot the recipients of the broadcast",
    "broadcast.pause": "paused the broadcast",
    "broadcast.request_changes": "asked for changes of the broadcast",
    "broadcast.resend_failed": "sent again what had failed of the broadcast",
    "broadcast.resume": "resumed the broadcast",
    "broadcast.send_again": "sent again what was in doubt of the broadcast",
    "broadcast.start": "started the broadcast",
    "broadcast.stop": "stopped the broadcast",
    "broadcast.test": "sent the test",
    "broadcast.undo": "took back the broadcast",
    "broadcast.withdraw": "withdrew the request for approval of the broadcast",
}
_SENTENCES: dict[Action, str] = {
    "canvas.create": "made the canvas {subject}",
    "api_token.create": "made the API token {subject}",
    "api_token.revoke": "revoked the API token {subject}",
    "audience.change": "changed the saved audience {subject}",
    "audience.remove": "removed the saved audience {subject}",
    "audience.replace": "replaced the saved audience {subject}",
    "audience.save": "saved the audience {subject}",
    "audience.undo": "took back a change of the saved audience {subject}",
    "events.check": "had it checked whether SES still tells what becomes of mails",
    "identity.add": "added {subject}",
    "identity.forwarding_consent": "let AWS's mails about bounces of {subject} be switched off",
    "identity.forwarding_off": "switched off AWS's mails about bounces of {subject}",
    "identity.forwarding_on": "switched on AWS's mails about bounces of {subject} again",
    "identity.replace": "replaced {subject} by {name}",
    "identity.retry": "retried the verification of {subject}",
    "incident.acknowledge": "acknowledged an alert",
    "mailer.connect": "connected AWS account {subject}",
    "mailer.delete": "deleted the mailer of AWS account {subject}",
    "mailer.reconnect": "gave the mailer new credentials for AWS account {subject}",
    "person.erase": "had a person erased: {subject}",
    "person.export": "got what is known of {subject} as a file",
    "production.apply": "applied for production access of AWS account {subject}",
    "suppression.add": "suppressed {subject}",
    "suppression.import": "imported suppressions from {subject}",
    "suppression.lift": "took {subject}, who had asked for it, off the suppressed addresses",
    "suppression.remove": "took {subject} off the suppressed addresses",
    "webhook.off": "switched off the webhook",
    "webhook.retry": "had what waits for the webhook posted again",
    "webhook.save": "saved the webhook",
    "team.go_on": "let everything go on after the restore",
    "team.restore": "was restored from a copy of its database",
    "team.renumbered": "saw that Slack gave the channel another id",
}
WORDED = frozenset({*_OF_TEAM, *_OF_BROADCAST, *_SENTENCES})

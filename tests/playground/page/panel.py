"""The panel of the AWS account as HTML: a section each, which the page replaces where it has changed."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from urllib.parse import urlparse

from tests.playground.aws import Mail
from tests.playground.aws.ses_state import Identity
from tests.playground.page.switches import FAULTS, OPTIONAL, Account

MAILS_SHOWN = 20
_ENFORCEMENT = {"HEALTHY": "healthy", "PROBATION": "on probation", "SHUTDOWN": "shut down"}


def panel(account: Account) -> str:
    return "".join(
        f'<section id="aws-{name}" aria-labelledby="aws-{name}-title"><h3 id="aws-{name}-title">{title}</h3>'
        f"{draw(account)}</section>"
        for name, title, draw in _SECTIONS
    )


def switch(name: str, label: str, style: str = "default", about: str = "", **hidden: str) -> str:
    """A button that posts `name`; `about` is what a screen reader adds to its label."""
    fields = "".join(f'<input type="hidden" name="{key}" value="{escape(value)}">' for key, value in hidden.items())
    more = f' <span class="aside">{escape(about)}</span>' if about else ""
    id_ = escape("-".join(["do", name, *hidden.values()]))
    return (
        f'<form method="post" action="/aws/{name}">{fields}'
        f'<button class="button {style}" type="submit" id="{id_}">{label}{more}</button></form>'
    )


def _row(*parts: str) -> str:
    return f'<div class="row">{"".join(parts)}</div>'


def _state(text: str, *, good: bool) -> str:
    return f'<p class="state {"good" if good else "bad"}">{escape(text)}</p>'


def _copied(id_: str, label: str, value: str) -> str:
    return (
        f'<label for="{id_}">{label}</label><div class="copied"><input id="{id_}" readonly value="{escape(value)}">'
        f'<button type="button" class="button default" id="copy-{id_}" data-copy="{id_}">'
        f'Copy <span class="aside">{label}</span></button></div>'
    )


def _key(account: Account) -> str:
    works = account.key_works
    ticks = "".join(
        f'<label class="choice"><input type="checkbox" id="may-{service}" name="{service}" data-submits'
        f"{'' if service in account.denied else ' checked'}> may use {name}</label>"
        for service, name in OPTIONAL.items()
    )
    return (
        _copied("key-id", "Access key ID", account.key.access_key_id)
        + _copied("key-secret", "Secret access key", account.key.secret_access_key)
        + _state("The key works." if works else "The key is revoked.", good=works)
        + _row(
            switch("revoke", "Revoke", "danger", "the access key")
            if works
            else switch("restore", "Restore", "primary", "the access key"),
            switch("new-key", "Make a new key"),
            f'<form method="post" action="/aws/permissions">{ticks}</form>',
        )
    )


def _role(account: Account) -> str:
    if account.role:
        return _copied("role-arn", "Role ARN", account.role.arn) + _row(switch("delete-role", "Delete the role"))
    return (
        '<form method="post" action="/aws/role"><label for="external-id">External ID, from the connect form</label>'
        '<div class="copied"><input id="external-id" name="external_id" autocomplete="off">'
        '<button class="button default" id="do-role">Create</button></div></form>'
    )


def _identities(account: Account) -> str:
    rows = "".join(_identity(identity) for identity in list(account.ses.identities.values()))
    return f'<ul class="cards">{rows}</ul>' if rows else "<p>None yet: add one in Slack.</p>"


def _identity(identity: Identity) -> str:
    name = identity.name
    records = switch("publish", "Publish DNS records", about=f"of {name}", identity=name) if identity.is_domain else ""
    return (
        f"<li><strong>{escape(name)}</strong>"
        + _state(identity.status.replace("_", " ").lower(), good=identity.sends)
        + _row(
            records,
            switch("verify", "Verify", "primary", name, identity=name),
            switch("fail", "Fail", "danger", name, identity=name),
            switch("vanish", "Delete at AWS", "danger", name, identity=name),
        )
        + "</li>"
    )


def _production(account: Account) -> str:
    ses = account.ses
    review = ses.details.review if ses.details else None
    words = "granted" if ses.production else f"sandbox, review {review.lower()}" if review else "sandbox"
    return _state(words.capitalize() + ".", good=ses.production) + _row(
        switch("grant", "Grant", "primary", "production access"), switch("deny", "Deny", "danger", "production access")
    )


def _sending(account: Account) -> str:
    ses = account.ses
    now = _ENFORCEMENT.get(ses.enforcement_status, ses.enforcement_status)
    words = f"{'Enabled' if ses.sending_enabled else 'Paused'}, {now}."
    others = [
        switch("enforcement", word.capitalize(), about="the account", status=status)
        for status, word in _ENFORCEMENT.items()
        if status != ses.enforcement_status
    ]
    stop = switch("pause", "Pause sending", "danger") if ses.sending_enabled else switch("resume", "Resume", "primary")
    return _state(words, good=ses.sending_enabled and ses.enforcement_status == "HEALTHY") + _row(stop, *others)


def _quota(account: Account) -> str:
    ses = account.ses
    fields = "".join(
        f'<div><label for="quota-{name}">{label}</label>'
        f'<input type="number" id="quota-{name}" name="{name}" min="{low}" step="any" value="{value:g}"></div>'
        for name, label, low, value in (
            ("max_24h", "In 24 hours", -1, ses.max_24h),
            ("sent", "Used", 0, ses.sent.total(ses.clock())),
            ("rate", "A second", 1, ses.rate),
        )
    )
    return (
        f'<form method="post" action="/aws/quota"><div class="numbers">{fields}'
        '<button class="button default" id="do-quota">Set</button></div></form>'
    )


def _faults(account: Account) -> str:
    ticks = "".join(
        f'<form method="post" action="/aws/fault"><input type="hidden" name="fault" value="{name}">'
        f'<label class="choice"><input type="checkbox" id="fault-{name}" data-submits'
        f"{' checked' if name in account.faults else ''}> {label}</label></form>"
        for name, (label, _, _) in FAULTS.items()
    )
    return ticks + _row(
        switch("kill", "Kill the bot", "danger", "with kill -9"), switch("start", "Start the bot again")
    )


def _mails(account: Account) -> str:
    mails = list(account.aws.mails)[-MAILS_SHOWN:]
    shown = "".join(_mail(mail) for mail in reversed(mails))
    count = account.aws.mail_count
    head = f"<p>{count:,} sent{', the last of them:' if count > MAILS_SHOWN else '.'}</p>"
    return f'{head}<ul class="cards">{shown}</ul>'


def _mail(mail: Mail) -> str:
    name = escape(mail.message_id)
    to = ", ".join(mail.to)
    url = mail.headers.get("List-Unsubscribe", "").strip("<>")
    buttons = [
        switch("happens", "Bounce", about=f"the mail to {to}", mail=mail.message_id, event="BOUNCE"),
        switch("happens", "Complain", about=f"about the mail to {to}", mail=mail.message_id, event="COMPLAINT"),
    ]
    if urlparse(url).scheme in {"http", "https"}:
        page = (
            f'<a href="{escape(url)}" target="_blank" rel="noopener">Unsubscribe page'
            f' <span class="aside">of {escape(to)}</span></a>'
        )
        buttons += [switch("unsubscribe", "One-click unsubscribe", about=to, mail=mail.message_id), page]
    return (
        f'<li><details id="mail-{name}"><summary><strong>{escape(mail.subject)}</strong> to {escape(to)}</summary>'
        f"<p>From {escape(mail.sender)}</p><pre>{escape(mail.text or '')}</pre>{_row(*buttons)}</details></li>"
    )


def _region(account: Account) -> str:
    options = "".join(
        f"<option{' selected' if region == account.ses.region else ''}>{region}</option>" for region in account.regions
    )
    return (
        f'<form method="post" action="/aws/region" class="inline"><label for="region">Account {account.ses.account} in'
        f'</label> <select id="region" name="region" data-submits>{options}</select></form>'
    )


_SECTIONS: tuple[tuple[str, str, Callable[[Account], str]], ...] = (
    ("region", "Account", _region),
    ("key", "Access key", _key),
    ("role", "IAM role", _role),
    ("identities", "Identities", _identities),
    ("production", "Production access", _production),
    ("sending", "Sending", _sending),
    ("quota", "Quota", _quota),
    ("faults", "Trouble", _faults),
    ("mails", "Mails sent", _mails),
)

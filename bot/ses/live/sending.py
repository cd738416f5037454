"""The steps of `doctor --live` that send: to SES's simulator only, and one mail to the operator's own address."""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from email.utils import formataddr
from typing import Any, Final

from bot.observations import RED_SQUARE, Observation, one_of
from bot.ses.bulk_send import InlineImage, attachments
from bot.ses.errors import clean
from bot.ses.live.asker import Asker, AwsResponse
from bot.ses.live.pieces import Pieces, Say, Workshop
from bot.ses.live.simulated_events import (
    PROBE,
    Event,
    destinations,
    event_of,
    has_header,
    is_complete,
    kind_of,
    named,
    probe_of,
)

EVENTS_WITHIN: Final = 120.0
SIZES: Final = (0.9, 1, 3, 5)
"""Megabytes of one call: MAILROOM_CALL_BYTES, what AWS documents for an inline template, and more."""

TRICKY: Final = '<br> &amp; {{x}} "quoted" é 🚀'
"""What SES may neither read as its own template language nor change."""

FROM_NAME: Final = 'Mailroom "doctor", é 🚀'

_SQUARE: Final = InlineImage("square.png", "image/png", RED_SQUARE)
"""Its ContentId stands without angle brackets, as in the HTML; no page of AWS says which of the two it wants."""

_SIMULATED: Final = {
    "success": ("Delivery", "Send"),
    "bounce": ("Bounce Permanent General", "Send"),
    "complaint": ("Complaint", "Delivery", "Send"),
    "suppressionlist": ("Bounce Permanent Suppressed", "Send"),
}
"""What becomes of a mail to each of the simulator's addresses (SES developer guide, "mailbox simulator")."""

_HEADER: Final = "List-Unsubscribe"
_UNSUBSCRIBE: Final = [{"Name": _HEADER, "Value": "<https://mailroom.invalid/u/doctor>"}]


class Simulator:
    """Args: `sender` is a verified address; `rate` the account's, in mails a second."""

    def __init__(self, asker: Asker, say: Say, seconds: Callable[[], float], sender: str, rate: float) -> None:
        self._asker = asker
        self._say = say
        self._seconds = seconds
        self._sender = sender
        self._rate = rate

    async def run(self) -> None:
        """Say every observation. SesError where AWS does not answer, or lets nothing be made."""
        async with Workshop(self._asker, self._say, self._seconds).pieces() as made:
            await self._refusals(made)
            await self._events(made)
            await self._sizes(made)

    async def _refusals(self, made: Pieces) -> None:
        nobody = f"nobody@mailroom-{secrets.token_hex(8)}.invalid"
        one = [_entry("success")]
        answer = await self._send(made.configuration_set, one, sender=nobody)
        named = "names it" if nobody.partition("@")[2] in _text(answer) else "does not name it"
        self._say(
            one_of(
                "SendBulkEmail from an address that is not verified",
                f"{_shape(answer)}, {named}",
                "call MessageRejected 400, names it",
                "entry MESSAGE_REJECTED, names it",
                "entry MAIL_FROM_DOMAIN_NOT_VERIFIED, names it",
            )
        )
        answer = await self._send(f"mailroom-{secrets.token_hex(8)}", one)
        self._say(
            one_of(
                "SendBulkEmail with a configuration set that is not there",
                _shape(answer),
                "call NotFoundException 404",
                "call BadRequestException 400",
                "entry CONFIGURATION_SET_NOT_FOUND",
            )
        )
        if self._rate < 2:
            answer = await self._send(made.configuration_set, [_entry("success"), _entry("success")])
            self._say(
                one_of(
                    "SendBulkEmail with 2 entries at a rate of 1",
                    _shape(answer),
                    "entry SUCCESS",
                    "entry ACCOUNT_THROTTLED",
                    "call ThrottlingException 400",
                    "call TooManyRequestsException 429",
                )
            )

    async def _events(self, made: Pieces) -> None:
        sent = {name: await self._send(made.configuration_set, [_entry(name)]) for name in _SIMULATED}
        for name, answer in sent.items():
            self._say(one_of(f"SendBulkEmail to {name}@", _shape(answer), "entry SUCCESS"))
        answer = await self._send(made.configuration_set, [_entry("success", probe="missing")], text="{{missing}}")
        self._say(one_of("SendBulkEmail with a variable that is missing", _shape(answer), "entry SUCCESS"))
        expected = {**_SIMULATED, "missing": ("Rendering Failure",)}
        found, first = await self._collect(made.queue_url, expected)
        came = "never" if first is None else f"after {first:.0f} s"
        self._say(Observation("the first event", came, f"within {EVENTS_WITHIN:.0f} s", first is not None))
        for name, kinds in expected.items():
            told = sorted({kind_of(event) for event in found.get(name, ())})
            self._say(one_of(f"events of {name}", clean("; ".join(told)) or "none", "; ".join(kinds)))
        events = [event for of in found.values() for event in of]
        self._say(one_of("mail.destination", destinations(events), "the recipient"))
        self._say(one_of("emailAddress of bounces and complaints", named(events), "the recipient"))
        there = "there" if has_header(events, _HEADER) else "not there"
        self._say(one_of(f"{_HEADER} in mail.headers", there, "there"))

    async def _sizes(self, made: Pieces) -> None:
        for megabytes in SIZES:
            text = "x" * 98 + "\r\n"
            answer = await self._send(made.configuration_set, [_entry("success")], text=text * int(megabytes * 10_000))
            expected = ("entry SUCCESS",) if megabytes < 1 else (_shape(answer),)  # more is for the operator to know
            self._say(one_of(f"a call of {megabytes} MB", _shape(answer), *expected))

    async def _send(
        self, configuration_set: str, entries: Iterable[Mapping[str, Any]], *, sender: str = "", text: str = "Hello"
    ) -> AwsResponse:
        content = {"Subject": "Mailroom doctor", "Text": text}
        request = {
            "FromEmailAddress": sender or self._sender,
            "ConfigurationSetName": configuration_set,
            "DefaultContent": {"Template": {"TemplateContent": content, "TemplateData": "{}"}},
            "BulkEmailEntries": list(entries),
        }
        return await self._asker.ask("ses:SendBulkEmail", lambda ses: ses.send_bulk_email(**request))

    async def _collect(
        self, queue_url: str, expected: Mapping[str, tuple[str, ...]]
    ) -> tuple[dict[str, list[Event]], float | None]:
        """Read events until all that is expected has come; by probe, with the seconds until the first one, if any."""
        began, first = self._seconds(), None
        found: dict[str, list[Event]] = {}
        while self._seconds() - began < EVENTS_WITHIN and not is_complete(found, expected):
            bodies = await self._asker.receive(queue_url)
            if not bodies:
                await self._asker.rest()
            for event in filter(None, map(event_of, bodies)):
                first = self._seconds() - began if first is None else first
                found.setdefault(probe_of(event), []).append(event)
        return found, first


async def send_one_mail(asker: Asker, say: Say, address: str, confirm: Callable[[str], bool]) -> None:
    """Send a mail to the operator's own verified address, full of what may not be changed on the way; ask what came.

    SesError where AWS does not answer.
    """
    fields = {"text": TRICKY, "html": html.escape(TRICKY)}
    shown = f'<p><img src="cid:{_SQUARE.content_id}" alt="" width="40"></p>'
    content = {"Subject": "Mailroom doctor: {{text}}", "Html": f"<p>{{{{html}}}}</p>{shown}", "Text": "{{text}}"}
    request = {
        "FromEmailAddress": formataddr((FROM_NAME, address)),
        "DefaultContent": {"Template": {"TemplateContent": content, "TemplateData": "{}", **attachments([_SQUARE])}},
        "BulkEmailEntries": [
            {
                "Destination": {"ToAddresses": [address]},
                "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": json.dumps(fields)}},
            }
        ],
    }
    answer = await asker.ask("ses:SendBulkEmail", lambda ses: ses.send_bulk_email(**request))
    say(one_of("SendBulkEmail to the operator's own address", _shape(answer), "entry SUCCESS"))
    if _shape(answer) != "entry SUCCESS":
        return
    question = f"Look at the mail. Are its subject and its body exactly {TRICKY} and is it from {FROM_NAME}?"
    seen = confirm(question)
    say(one_of("the mail as it was received", "as sent" if seen else "changed", "as sent"))
    seen = confirm("Is a red square shown below its text, and no file attached?")
    say(one_of("a picture in the mail", "shown" if seen else "not shown", "shown"))


def _entry(mailbox: str, *, probe: str = "") -> dict[str, Any]:
    return {
        "Destination": {"ToAddresses": [f"{mailbox}@simulator.amazonses.com"]},
        "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": "{}"}},
        "ReplacementHeaders": _UNSUBSCRIBE,
        "ReplacementTags": [{"Name": PROBE, "Value": probe or mailbox}],
    }


def _shape(answer: AwsResponse) -> str:
    """Say whether a call was refused whole, or what became of its entries."""
    if answer.code:
        return f"call {answer.shown}"
    statuses = {clean(str(entry.get("Status", ""))) for entry in answer.body.get("BulkEmailEntryResults") or ()}
    return "entry " + (", ".join(sorted(statuses)) or "none")


def _text(answer: AwsResponse) -> str:
    return answer.text + "".join(str(each.get("Error", "")) for each in answer.body.get("BulkEmailEntryResults") or ())

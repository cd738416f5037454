"""Slack refuses a form whose boxes are not ticked; so does Mailroom, whatever sent it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.errors import BotError
from bot.mailer.readiness.facts import IdentityFact, MailerFacts
from bot.mailer.readiness.rules import readiness
from handlers.slack.dispatch.interaction import Values
from handlers.slack.flows.confirmations import all_shown, check_ticked
from storage.states import Access, DmarcState, IdentityKind, IdentityState, Production, Sending, SendKind

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DOMAIN = IdentityFact("acme.test", IdentityKind.DOMAIN, IdentityState.VERIFIED, dmarc=DmarcState.MISSING)
FACTS = MailerFacts(Access.OK, Production.GRANTED, Sending.ENABLED, -1, 0, 14, NOW, (DOMAIN,), one_click=False)
ASKED = readiness(FACTS, "hello@acme.test", SendKind.BROADCAST, 6_000, NOW)


def form(**ticked: bool) -> Values:
    return Values(
        {"values": {name: {name: {"selected_options": [{"value": "yes"}] * yes}} for name, yes in ticked.items()}}
    )


@pytest.mark.parametrize("missing", ["no_one_click", "no_dmarc"])
def test_each_box_must_be_ticked(missing: str) -> None:
    values = form(**{name: name != missing for name in ("no_one_click", "no_dmarc")})
    assert all_shown(values, ASKED.confirmations)

    with pytest.raises(BotError) as refused:
        check_ticked(values, ASKED.confirmations)

    assert (refused.value.code, refused.value.field) == ("NOT_TICKED", missing)


def test_nothing_else_is_asked() -> None:
    check_ticked(form(no_one_click=True, no_dmarc=True), ASKED.confirmations)
    assert not all_shown(form(no_dmarc=True), ASKED.confirmations)
    fine = replace(FACTS, one_click=True, identities=(replace(DOMAIN, dmarc=DmarcState.FOUND),))
    check_ticked(form(), readiness(fine, "hello@acme.test", SendKind.BROADCAST, 6_000, NOW).confirmations)

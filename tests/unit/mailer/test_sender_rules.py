"""Each rule of large receivers, from facts to what is said; a look that keeps what it found."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.mailer.identities.dmarc import Dmarc, read_dmarc
from bot.mailer.identities.dns_records import Found, RecordCheck
from bot.mailer.identities.sender_rules import (
    Verdict,
    complaint_rule,
    dkim_rule,
    dmarc_rule,
    one_click_rule,
    record_dmarc,
    spf_rule,
)
from bot.mailer.identity_records import MAIL_FROM, Record
from bot.mailer.monitoring.reputation_limits import Rates
from bot.ses.prices import price
from storage.models import Identity
from storage.states import DmarcState, IdentityKind, IdentityState

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
MET, NOT_MET, UNKNOWN = Verdict
P_NONE = "v=DMARC1; p=none"


def identity(name: str = "acme.com", **values: Any) -> Identity:
    facts: dict[str, Any] = {
        "dkim_status": "SUCCESS",
        "mail_from_status": "SUCCESS",
        "mail_from_domain": f"bounce.{name}",
    }
    return Identity(
        team_id="t",
        mailer_id="m",
        name=name,
        kind=IdentityKind.ADDRESS if "@" in name else IdentityKind.DOMAIN,
        state=IdentityState.VERIFIED,
        state_since=NOW,
        checked_at=NOW,
        **({} if "@" in name else facts) | values,
    )


def dmarc(records: Mapping[str, Sequence[str]], domain: str = "acme.com") -> Dmarc:
    return read_dmarc(domain, {domain: [], "com": [], "acme.com": [], "gmail.com": [], **records})


@pytest.mark.parametrize(
    ("row", "records", "verdict", "why"),
    [
        (identity(), {"acme.com": [P_NONE]}, MET, "(p=none, of acme.com), and mail keeps it by DKIM and MAIL FROM"),
        (identity(mail_from_status="PENDING"), {"acme.com": [P_NONE]}, MET, "keeps it by DKIM."),
        (identity(dkim_status="FAILED"), {"acme.com": [P_NONE]}, MET, "keeps it by MAIL FROM."),
        (identity(dkim_status="FAILED"), {"acme.com": [f"{P_NONE}; aspf=s"]}, NOT_MET, "mail fails it"),
        (identity("ann@gmail.com"), {"gmail.com": ["v=DMARC1; p=reject"]}, NOT_MET, "neither DKIM nor MAIL FROM is of"),
        (identity(), {}, NOT_MET, "No receiver finds a policy for acme.com"),
        (identity(), {"acme.com": [P_NONE, P_NONE]}, NOT_MET, "several records of acme.com, so that none counts"),
        (identity(), {"com": [P_NONE]}, NOT_MET, "by the list of public suffixes (RFC 7489) find no policy"),
    ],
)
def test_dmarc_is_a_policy_that_every_receiver_finds_and_mail_keeps(
    row: Identity, records: dict[str, Sequence[str]], verdict: Verdict, why: str
) -> None:
    rule = dmarc_rule(row, dmarc(records, row.name.rpartition("@")[2]))

    assert (rule.verdict, why in rule.why) == (verdict, True), rule
    assert bool(rule.records) is ("find" in why), "a record to publish, where one is missing"
    assert dmarc_rule(row, None).verdict is UNKNOWN


def test_spf_and_dkim_say_what_is_missing_wrong_or_not_known() -> None:
    record = Record("bounce.acme.com", "MX", "10 feedback-smtp.eu-west-1.amazonses.com", MAIL_FROM, required=False)
    rules = {
        found: spf_rule(identity(), [RecordCheck(record, found, why="There are 2, and AWS wants one alone")])
        for found in Found
    }
    assert [rules[found].verdict for found in (Found.RIGHT, Found.MISSING, Found.WRONG, Found.UNKNOWN)] == [
        MET,
        NOT_MET,
        NOT_MET,
        UNKNOWN,
    ]
    assert rules[Found.WRONG].records == (record,)
    assert "there are 2, and AWS wants one alone." in rules[Found.WRONG].why
    assert spf_rule(identity("ann@acme.com"), []).verdict is MET
    assert dkim_rule(identity("ann@acme.com"), []).verdict is NOT_MET
    assert dkim_rule(identity(), []).verdict is MET
    assert dkim_rule(identity(dkim_status="PENDING"), []).verdict is NOT_MET


def test_the_rules_of_the_mailer() -> None:
    assert [one_click_rule(one_click=able).verdict for able in (True, False)] == [MET, NOT_MET]
    assert complaint_rule(Rates()).verdict is MET
    assert complaint_rule(Rates(sent=1_000, complaints=2)).verdict is MET
    assert complaint_rule(Rates(sent=1_000, complaints=3)).verdict is NOT_MET
    assert "3 of 1,000 mails in the last 24 hours drew a complaint (0.3 %)" in complaint_rule(Rates(1_000, 0, 3)).why


def test_silence_changes_nothing_about_what_was_found_or_missed() -> None:
    row, later = identity(), NOW + timedelta(days=1)
    found, missing = dmarc({"acme.com": [P_NONE]}), dmarc({})
    steps = [
        (missing, DmarcState.MISSING, None, NOW),
        (found, DmarcState.FOUND, NOW, None),
        (None, DmarcState.UNKNOWN, NOW, None),
        (missing, DmarcState.MISSING, NOW, NOW),
        (None, DmarcState.UNKNOWN, NOW, NOW),
    ]
    for look, state, found_at, missing_since in steps:
        record_dmarc(row, look, NOW)
        assert (row.dmarc, row.dmarc_found_at, row.dmarc_missing_since) == (state, found_at, missing_since)
    record_dmarc(row, missing, later)
    assert row.dmarc_missing_since == NOW, "since the first look that missed it"


@pytest.mark.parametrize(
    ("plan", "region", "dollars"),
    [
        ("NONE", "eu-west-1", "1.99"),
        ("PRO", "eu-west-1", "4.38"),
        ("", "eu-west-1", None),
        ("NONE", "us-gov-west-1", None),
    ],
)
def test_the_price_is_known_for_the_plans_and_regions_of_the_list(plan: str, region: str, dollars: str | None) -> None:
    found = price(plan, region, 19_904)
    assert (f"{found:.2f}" if found is not None else None) == dollars

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.mailer.readiness.explanations import NextStep, ReadinessCode, about, at, explain, explanation
from bot.mailer.readiness.facts import IdentityFact, MailerFacts
from bot.mailer.readiness.rules import Blocker, Confirmation, Readiness, SendWarning, readiness
from storage.states import Access, DmarcState, IdentityKind, IdentityState, Production, Sending, SendKind

NOW = datetime(2026, 11, 24, 4, 5, tzinfo=UTC)
ADDRESS = IdentityFact("news@example.com", IdentityKind.ADDRESS, IdentityState.PENDING, NOW)
DOMAIN = IdentityFact("example.com", IdentityKind.DOMAIN, IdentityState.PENDING, NOW)
VERIFIED = IdentityFact("other.example", IdentityKind.DOMAIN, IdentityState.VERIFIED, dmarc=DmarcState.FOUND)
FACTS = MailerFacts(Access.OK, Production.GRANTED, Sending.ENABLED, 50_000, 49_000, 14, NOW, (DOMAIN, VERIFIED))
CODES: list[ReadinessCode] = [*Blocker, *SendWarning, *Confirmation]


def ask(facts: MailerFacts | None = FACTS, kind: SendKind = SendKind.TEST, size: int = 1) -> Readiness:
    return readiness(facts, "news@example.com", kind, size, NOW)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_one_short_sentence_and_a_way_on(code: ReadinessCode) -> None:
    for answer in (ask(), ask(replace(FACTS, max_24_hour_send=-1, identities=()))):
        found = explanation(code, answer)
        assert found.code is code
        assert found.sentence.endswith(".")
        assert len(found.sentence) < 250
        assert "{" not in found.sentence
        assert found.step in NextStep


def test_without_a_mailer_the_way_on_is_to_connect() -> None:
    assert [found.step for found in explain(ask(None))] == [NextStep.CONNECT]


def test_a_pending_domain_is_told_with_what_is_awaited_since_when_and_until_when() -> None:
    (found,) = explain(ask())
    assert found.step is NextStep.CHECK_NOW
    assert found.sentence == (
        "example.com cannot send yet: AWS waits for its DKIM records in the DNS, since 24 Nov 04:05 UTC and until "
        "27 Nov 04:05 UTC. Publish them, then check now, or send from any address at other.example."
    )


def test_a_pending_address_is_told_with_the_link_it_waits_for() -> None:
    first, second = explain(ask(replace(FACTS, identities=(ADDRESS,))))
    assert (first.code, first.step) == (Blocker.NO_VERIFIED_IDENTITY, NextStep.ADD_IDENTITY)
    assert "a click on the link" in second.sentence
    assert "until 25 Nov 04:05 UTC" in second.sentence


def test_the_addresses_to_use_instead_are_named() -> None:
    others = [IdentityFact(f"{name}@b.example", IdentityKind.ADDRESS, IdentityState.VERIFIED) for name in "xy"]
    (found,) = explain(ask(replace(FACTS, identities=(DOMAIN, VERIFIED, *others))))
    assert "or send from any address at other.example, x@b.example or y@b.example." in found.sentence


def test_a_test_over_the_quota_is_refused_with_the_numbers() -> None:
    facts = replace(FACTS, identities=(VERIFIED,), sent_last_24_hours=49_999)
    (found,) = explain(readiness(facts, "a@other.example", SendKind.TEST, 2, NOW))
    assert (found.code, found.step) == (Blocker.QUOTA, NextStep.WAIT)
    for number in ("2 recipients", "1 of the daily quota of 50,000", "49,999 sent"):
        assert number in found.sentence


def test_a_broadcast_over_the_quota_is_confirmed_with_how_long_it_takes() -> None:
    facts = replace(FACTS, identities=(VERIFIED,))
    (found,) = explain(readiness(facts, "a@other.example", SendKind.BROADCAST, 120_000, NOW))
    assert (found.code, found.step) == (Confirmation.OVER_QUOTA, NextStep.CONFIRM)
    assert "120,000 recipients" in found.sentence
    assert found.sentence.endswith("takes about 3 days.")


def test_a_denial_names_the_case() -> None:
    facts = replace(FACTS, identities=(VERIFIED,), production=Production.DENIED, review_case_id="1234")
    (found,) = explain(readiness(facts, "a@other.example", SendKind.BROADCAST, 1, NOW))
    assert found.step is NextStep.ASK_AWS
    assert "answer case 1234" in found.sentence


def test_a_name_with_braces_or_line_breaks_stays_one_harmless_line() -> None:
    odd = IdentityFact("{size}\n\x1b{0.__class__}", IdentityKind.ADDRESS, IdentityState.FAILED)
    found = explanation(Blocker.IDENTITY_FAILED, replace(ask(), identity=odd))
    assert "{size}  {0.__class__}" in found.sentence
    assert found.sentence.isprintable()


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (None, "an unknown time"),
        (timedelta(seconds=20), "about 20 seconds"),
        (timedelta(seconds=50), "about 50 seconds"),
        (timedelta(minutes=12), "about 12 minutes"),
        (timedelta(minutes=50), "about 50 minutes"),
        (timedelta(hours=24), "about 24 hours"),
        (timedelta(hours=47), "about 47 hours"),
        (timedelta(days=9, hours=5), "about 9 days"),
    ],
)
def test_estimated_durations_in_words(duration: timedelta | None, words: str) -> None:
    assert about(duration) == words


def test_moments_are_told_in_utc() -> None:
    assert at(datetime(2026, 3, 1, 9, 7, tzinfo=UTC)) == "1 Mar 09:07 UTC"

"""Readiness against its table, as a table: every combination of facts, for every kind, by enumeration.

The oracle reads rows like those of the design: a condition, and a cell for a test, a small and a large broadcast. It
shares nothing with the code but the codes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.mailer.readiness.facts import IdentityFact, MailerFacts, covering, facts_from, stale_after, usable
from bot.mailer.readiness.rules import (
    Blocker,
    Confirmation,
    RecipientRule,
    SendWarning,
    estimated_duration,
    readiness,
    sandbox_refusals,
)
from storage.models import Identity, Mailer
from storage.states import Access, DmarcState, IdentityKind, IdentityState, Production, Sending, SendKind

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
FROM = "news@example.com"
OTHER = IdentityFact("ann@other.example", IdentityKind.ADDRESS, IdentityState.VERIFIED)
SMALL, LARGE, BULK = 50, 51, 5_001


@dataclass(frozen=True)
class Case:
    access: Access
    production: Production
    sending: Sending
    chosen: IdentityState | None  # None: no identity covers the From address
    lets_send: bool  # AWS's own flag of it
    another: bool  # verified
    quota: str  # unlimited, plenty, short, used up, none
    fresh: bool
    kind: str  # test, small, large, bulk
    one_click: bool = True
    dmarc: DmarcState = DmarcState.FOUND

    @property
    def size(self) -> int:
        return {"large": LARGE, "bulk": BULK}.get(self.kind, SMALL)

    @property
    def facts(self) -> MailerFacts:
        limit, sent = {
            "unlimited": (-1, 1_000_000),
            "plenty": (10_000, 10_000 - BULK),
            "short": (1_000, 951),
            "used up": (1_000, 1_003),
            "none": (0, 0),
        }[self.quota]
        of_chosen = IdentityFact(
            "example.com",
            IdentityKind.DOMAIN,
            self.chosen or IdentityState.GONE,
            lets_send=self.lets_send,
            dmarc=self.dmarc,
        )
        chosen = [of_chosen] if self.chosen else []
        return MailerFacts(
            access=self.access,
            production=self.production,
            sending=self.sending,
            max_24_hour_send=limit,
            sent_last_24_hours=sent,
            max_send_rate=14,
            checked_at=NOW - timedelta(minutes=20, seconds=0 if self.fresh else 1),
            identities=(*chosen, *([OTHER] if self.another else [])),
            one_click=self.one_click,
        )


def every_case() -> Iterator[Case]:
    for values in product(
        Access,
        Production,
        Sending,
        [None, *IdentityState],
        [True, False],
        [True, False],
        ["unlimited", "plenty", "short", "used up", "none"],
        [True, False],
        ["test", "small", "large"],
    ):
        yield Case(*values)
    for chosen, quota, kind, one_click, dmarc in product(
        [None, *IdentityState], ["plenty", "short"], ["test", "large", "bulk"], [True, False], DmarcState
    ):
        account = Access.OK, Production.GRANTED, Sending.ENABLED
        yield Case(*account, chosen, True, True, quota, True, kind, one_click, dmarc)


def rows(case: Case) -> list[tuple[bool, list[str]]]:
    """Condition, and what it does to a test, a small, a large broadcast and one to many: nothing or a code.

    A code after `?` is asked for rather than blocking; where the last cell is left out, it is as the one before.
    """
    unwell = case.chosen is IdentityState.TEMPORARY_FAILURE
    sends = case.chosen is IdentityState.VERIFIED or (unwell and case.lets_send)
    over = case.quota in {"short", "used up"}
    return [
        (case.access is Access.LOST, ["ACCESS_LOST", "ACCESS_LOST", "ACCESS_LOST"]),
        (case.access is Access.SUSPECT, ["", "", "ACCESS_SUSPECT"]),
        (case.sending is Sending.SHUT_DOWN, ["ACCOUNT_SHUT_DOWN", "ACCOUNT_SHUT_DOWN", "ACCOUNT_SHUT_DOWN"]),
        (case.sending is Sending.PAUSED, ["SENDING_PAUSED", "SENDING_PAUSED", "SENDING_PAUSED"]),
        (not sends and not case.another, ["NO_VERIFIED_IDENTITY"] * 3),
        (case.chosen is None, ["IDENTITY_UNKNOWN"] * 3),
        (case.chosen is IdentityState.PENDING or (unwell and not sends), ["IDENTITY_PENDING"] * 3),
        (case.chosen is IdentityState.FAILED, ["IDENTITY_FAILED"] * 3),
        (case.chosen is IdentityState.GONE, ["IDENTITY_GONE"] * 3),
        (case.production is Production.SANDBOX, ["", "SANDBOX", "SANDBOX"]),
        (case.production is Production.IN_REVIEW, ["", "IN_REVIEW", "IN_REVIEW"]),
        (case.production is Production.DENIED, ["", "DENIED", "DENIED"]),
        (over, ["QUOTA", "?OVER_QUOTA", "?OVER_QUOTA"]),
        (case.quota == "none", ["QUOTA", "QUOTA", "QUOTA"]),
        (not case.one_click, ["", "", "", "?NO_ONE_CLICK"]),
        (case.chosen is not None and case.dmarc is DmarcState.MISSING, ["", "", "", "?NO_DMARC"]),
        (not case.fresh, ["FACTS_STALE", "FACTS_STALE", "FACTS_STALE"]),
    ]


def test_every_combination_of_facts_and_kind_is_decided_as_the_table_says() -> None:
    count = 0
    for case in every_case():
        column = ["test", "small", "large", "bulk"].index(case.kind)
        cells = [cell for applies, codes in rows(case) if applies and (cell := codes[min(column, len(codes) - 1)])]
        blocked = [cell for cell in cells if not cell.startswith("?")]
        kind = SendKind.TEST if case.kind == "test" else SendKind.BROADCAST

        answer = readiness(case.facts, FROM, kind, case.size, NOW)

        assert [*answer.blockers] == blocked, case
        assert answer.allowed is (not blocked), case
        assert [f"?{code}" for code in answer.confirmations] == [cell for cell in cells if cell.startswith("?")], case
        only_its_identity = len(blocked) == 1 and blocked[0].startswith("IDENTITY_")
        opened = case.another and only_its_identity and case.kind not in {"large", "bulk"}
        assert answer.via == ((OTHER.name,) if opened else ()), case
        assert (answer.recipient_rule is RecipientRule.ANY) is (case.production is Production.GRANTED), case
        assert (SendWarning.PROBATION in answer.warnings) is (case.sending is Sending.PROBATION), case
        unwell = case.chosen is IdentityState.TEMPORARY_FAILURE and case.lets_send
        assert (SendWarning.IDENTITY_TEMPORARY_FAILURE in answer.warnings) is unwell, case
        silent = case.kind == "bulk" and case.chosen is not None and case.dmarc is DmarcState.UNKNOWN
        assert (SendWarning.DNS_SILENT in answer.warnings) is silent, case
        count += 1
    assert count == 3 * 4 * 4 * 6 * 2 * 2 * 5 * 2 * 3 + 6 * 2 * 3 * 2 * 3


HEALTHY = Case(
    Access.OK, Production.GRANTED, Sending.ENABLED, IdentityState.VERIFIED, True, True, "plenty", True, "large"
).facts


def test_without_a_mailer_nothing_else_is_asked() -> None:
    answer = readiness(None, FROM, SendKind.TEST, 1, NOW)
    assert answer.blockers == (Blocker.NO_MAILER,)
    assert (answer.allowed, answer.recipient_rule, answer.via) == (False, RecipientRule.SANDBOX, ())


def test_blockers_are_listed_most_basic_first() -> None:
    assert list(Blocker)[:3] == [Blocker.NO_MAILER, Blocker.ACCESS_LOST, Blocker.ACCESS_SUSPECT]
    worst = Case(Access.LOST, Production.DENIED, Sending.PAUSED, None, False, False, "none", False, "large")
    answer = readiness(worst.facts, FROM, SendKind.BROADCAST, LARGE, NOW)
    order = list(Blocker)
    assert [*answer.blockers] == sorted(answer.blockers, key=order.index)
    assert len(answer.blockers) == 7


@pytest.mark.parametrize("nobody", [None, ""])
def test_before_a_sender_is_chosen_any_that_sends_will_do(nobody: str | None) -> None:
    assert readiness(HEALTHY, nobody, SendKind.BROADCAST, LARGE, NOW).allowed


def test_before_a_sender_is_chosen_the_one_that_is_waited_for_is_named() -> None:
    waiting = IdentityFact("example.com", IdentityKind.DOMAIN, IdentityState.PENDING, NOW)
    failed = IdentityFact("a.example", IdentityKind.DOMAIN, IdentityState.FAILED)
    answer = readiness(replace(HEALTHY, identities=(failed, waiting)), None, SendKind.TEST, 1, NOW)
    assert answer.blockers == (Blocker.NO_VERIFIED_IDENTITY, Blocker.IDENTITY_PENDING)
    assert answer.identity == waiting
    answer = readiness(replace(HEALTHY, identities=(failed,)), None, SendKind.TEST, 1, NOW)
    assert answer.blockers == (Blocker.NO_VERIFIED_IDENTITY,)


def test_the_limit_of_a_small_broadcast_is_a_setting() -> None:
    suspect = replace(HEALTHY, access=Access.SUSPECT)
    assert readiness(suspect, FROM, SendKind.BROADCAST, 10, NOW, small_limit=10).allowed
    assert not readiness(suspect, FROM, SendKind.BROADCAST, 11, NOW, small_limit=10).allowed
    assert readiness(suspect, FROM, SendKind.TEST, 11, NOW, small_limit=10).allowed


@given(limit=st.integers(-1, 300), sent=st.integers(0, 400), size=st.integers(0, 300), kind=st.sampled_from(SendKind))
def test_the_quota_stops_a_test_and_asks_of_a_broadcast(limit: int, sent: int, size: int, kind: SendKind) -> None:
    facts = replace(HEALTHY, max_24_hour_send=float(limit), sent_last_24_hours=float(sent))
    answer = readiness(facts, FROM, kind, size, NOW)
    fits = limit == -1 or size <= max(0, limit - sent)
    assert answer.allowed is (fits or (kind is SendKind.BROADCAST and limit > 0))
    assert (Confirmation.OVER_QUOTA in answer.confirmations) is (answer.allowed and not fits)


def test_mail_to_the_simulator_alone_goes_with_no_quota_left() -> None:
    facts = replace(HEALTHY, sent_last_24_hours=HEALTHY.max_24_hour_send)
    assert readiness(facts, FROM, SendKind.TEST, 0, NOW).allowed
    assert not readiness(facts, FROM, SendKind.TEST, 1, NOW).allowed


def test_facts_are_stale_after_twice_the_longest_interval_and_never_before_15_minutes() -> None:
    assert stale_after(timedelta(seconds=60)) == timedelta(minutes=15)
    assert stale_after(timedelta(seconds=600)) == timedelta(minutes=20)
    old = replace(HEALTHY, checked_at=NOW - timedelta(minutes=16))
    answer = readiness(old, FROM, SendKind.TEST, 1, NOW, facts_live=timedelta(minutes=15))
    assert answer.blockers == (Blocker.FACTS_STALE,)


def fact(name: str, state: IdentityState = IdentityState.VERIFIED) -> IdentityFact:
    return IdentityFact(name, IdentityKind.ADDRESS if "@" in name else IdentityKind.DOMAIN, state)


@pytest.mark.parametrize(
    ("address", "identity"),
    [
        ("ann@example.com", "example.com"),
        ("ann@a.b.example.com", "example.com"),
        ("ann@notexample.com", None),
        ("ann@example.com.evil.example", None),
        ("ann@com", None),
        ("cid@single.example", "cid@single.example"),
        ("Cid@single.example", None),
        ("bob@single.example", None),
        ("x.cid@single.example", None),
    ],
)
def test_a_domain_covers_what_is_under_it_and_an_address_itself(address: str, identity: str | None) -> None:
    covers = covering(address, [fact("example.com"), fact("cid@single.example")])
    assert (covers.name if covers else None) == identity


def test_a_verified_address_in_a_failed_domain_speaks_for_itself() -> None:
    failed, ann = fact("example.com", IdentityState.FAILED), fact("ann@example.com")
    for identities in ([failed, ann], [ann, failed]):
        assert covering("ann@example.com", identities) == ann
        assert covering("bob@example.com", identities) == failed


def test_a_verified_domain_speaks_for_a_pending_address_in_it() -> None:
    domain, ann = fact("example.com"), fact("ann@example.com", IdentityState.PENDING)
    assert covering("ann@example.com", [ann, domain]) == domain


def test_among_those_that_do_not_send_the_nearest_is_named() -> None:
    gone, failed = fact("example.com", IdentityState.GONE), fact("a.example.com", IdentityState.FAILED)
    answer = readiness(replace(HEALTHY, identities=(gone, failed)), "x@a.example.com", SendKind.TEST, 1, NOW)
    assert answer.blockers == (Blocker.NO_VERIFIED_IDENTITY, Blocker.IDENTITY_FAILED)


def test_identities_in_a_temporary_failure_are_offered_last() -> None:
    unwell = fact("a.example", IdentityState.TEMPORARY_FAILURE)
    identities = [unwell, fact("z.example"), fact("b.example", IdentityState.PENDING), fact("c.example")]
    assert usable(identities) == ("c.example", "z.example", "a.example")


def test_the_sandbox_refuses_all_but_verified_recipients_and_the_simulator() -> None:
    identities = [fact("example.com"), fact("ann@mail.example"), fact("late.example", IdentityState.PENDING)]
    recipients = [
        "bob@sub.example.com",
        "ann@mail.example",
        "bounce+1@simulator.amazonses.com",
        "bob@mail.example",
        "cid@late.example",
    ]
    assert sandbox_refusals(recipients, identities) == ("bob@mail.example", "cid@late.example")


@pytest.mark.parametrize(
    ("limit", "sent", "rate", "size", "duration"),
    [
        (-1, 0, 10, 600, timedelta(minutes=1)),
        (1_000, 0, 10, 600, timedelta(minutes=1)),
        (1_000, 600, 10, 600, timedelta(hours=24, seconds=20)),
        (1_000, 1_000, 10, 1_000, timedelta(hours=24, seconds=100)),
        (1_000, 0, 10, 3_500, timedelta(hours=72, seconds=50)),
        (0, 0, 10, 1, None),
        (1_000, 0, 0, 1, None),
    ],
)
def test_the_estimate_follows_rate_and_quota(
    limit: float, sent: float, rate: float, size: int, duration: timedelta | None
) -> None:
    facts = replace(HEALTHY, max_24_hour_send=limit, sent_last_24_hours=sent, max_send_rate=rate)
    assert estimated_duration(facts, size) == duration
    assert readiness(facts, FROM, SendKind.BROADCAST, size, NOW).duration == duration


def test_facts_come_from_the_rows() -> None:
    mailer = Mailer(
        team_id="t",
        connection="c",
        account_id="1",
        region="eu-west-1",
        principal_arn="",
        credentials=b"",
        credentials_at=NOW,
        connected_by="U",
        connected_at=NOW,
        configuration_set="",
        topic_arn="",
        access=Access.SUSPECT,
        access_since=NOW,
        access_checked_at=NOW,
        production=Production.DENIED,
        sending=Sending.PROBATION,
        review_case_id="case-1",
        max_24_hour_send=200,
        sent_last_24_hours=3,
        max_send_rate=1,
        checked_at=NOW,
    )
    identity = Identity(
        team_id="t",
        mailer_id="m",
        name="example.com",
        kind=IdentityKind.DOMAIN,
        state=IdentityState.PENDING,
        state_since=NOW,
        pending_since=NOW,
        checked_at=NOW,
    )
    assert facts_from(None, []) is None
    facts = facts_from(mailer, [identity])
    assert facts == MailerFacts(
        Access.SUSPECT,
        Production.DENIED,
        Sending.PROBATION,
        200,
        3,
        1,
        NOW,
        (IdentityFact("example.com", IdentityKind.DOMAIN, IdentityState.PENDING, NOW),),
        "case-1",
    )

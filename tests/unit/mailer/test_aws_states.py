import logging
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from bot import unknown_answers
from bot.mailer.aws_states import awaited_until, identity_state_of, production_of, sending_of
from bot.mailer.monitoring.poll_schedule import PollIntervals
from storage.states import IdentityKind, IdentityState, Production, Sending

WARNINGS = logging.WARNING


@pytest.mark.parametrize(
    ("access", "review", "state"),
    [
        (False, "", Production.SANDBOX),
        (False, "PENDING", Production.IN_REVIEW),
        (False, "DENIED", Production.DENIED),
        (False, "FAILED", Production.SANDBOX),
        (False, "GRANTED", Production.SANDBOX),
        (False, "A_NEW_WORD", Production.SANDBOX),
        (True, "", Production.GRANTED),
        (True, "PENDING", Production.GRANTED),
        (True, "DENIED", Production.GRANTED),
        (True, "A_NEW_WORD", Production.GRANTED),
    ],
)
def test_production_follows_access_first_and_the_review_second(access: bool, review: str, state: Production) -> None:
    assert production_of(access, review) is state


@pytest.mark.parametrize(
    ("enabled", "enforcement", "state"),
    [
        (True, "HEALTHY", Sending.ENABLED),
        (True, "PROBATION", Sending.PROBATION),
        (True, "SHUTDOWN", Sending.SHUT_DOWN),
        (True, "A_NEW_WORD", Sending.PROBATION),
        (False, "HEALTHY", Sending.PAUSED),
        (False, "PROBATION", Sending.PAUSED),
        (False, "SHUTDOWN", Sending.SHUT_DOWN),
        (False, "A_NEW_WORD", Sending.PAUSED),
    ],
)
def test_sending_is_the_worse_of_flag_and_enforcement(enabled: bool, enforcement: str, state: Sending) -> None:
    assert sending_of(enabled, enforcement) is state


@pytest.mark.parametrize(
    ("verification", "sends", "state"),
    [
        ("SUCCESS", True, IdentityState.VERIFIED),
        ("SUCCESS", False, IdentityState.PENDING),
        ("PENDING", False, IdentityState.PENDING),
        ("NOT_STARTED", False, IdentityState.PENDING),
        ("FAILED", False, IdentityState.FAILED),
        ("FAILED", True, IdentityState.FAILED),
        ("TEMPORARY_FAILURE", True, IdentityState.TEMPORARY_FAILURE),
        ("TEMPORARY_FAILURE", False, IdentityState.TEMPORARY_FAILURE),
        ("A_NEW_WORD", True, IdentityState.PENDING),
        ("", True, IdentityState.PENDING),
    ],
)
def test_an_identity_is_verified_only_when_aws_lets_it_send(verification: str, sends: bool, state: object) -> None:
    assert identity_state_of(verification, sends) is state


def test_a_new_word_from_aws_is_logged_once_and_cut(caplog: pytest.LogCaptureFixture) -> None:
    before = Counter(unknown_answers.answers.counted)
    for _ in range(3):
        production_of(False, "SOMETHING_NEW" + "x" * 500)
        identity_state_of("SOMETHING_NEW", True)
    assert [record.levelno for record in caplog.records] == [WARNINGS, WARNINGS]
    assert "review status" in caplog.text
    assert Counter(unknown_answers.answers.counted) - before == {
        ("ses", "GetAccount"): 3,
        ("ses", "GetEmailIdentity"): 3,
    }
    assert "x" * 100 not in caplog.text


def test_known_words_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    production_of(False, "")
    sending_of(True, "HEALTHY")
    identity_state_of("SUCCESS", True)
    assert not caplog.records


@pytest.mark.parametrize(
    ("production", "identities", "seconds"),
    [
        (Production.GRANTED, [], 600),
        (Production.GRANTED, [IdentityState.VERIFIED, IdentityState.FAILED], 600),
        (Production.SANDBOX, [IdentityState.GONE], 600),
        (Production.DENIED, [], 600),
        (Production.IN_REVIEW, [IdentityState.VERIFIED], 300),
        (Production.IN_REVIEW, [IdentityState.PENDING], 60),
        (Production.GRANTED, [IdentityState.VERIFIED, IdentityState.PENDING], 60),
    ],
)
def test_what_is_waited_for_sets_the_poll_interval(
    production: Production, identities: list[IdentityState], seconds: int
) -> None:
    assert PollIntervals().after(production, iter(identities)) == timedelta(seconds=seconds)


def test_intervals_come_from_settings() -> None:
    intervals = PollIntervals(timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=3))
    assert intervals.after(Production.IN_REVIEW, []) == timedelta(seconds=2)


def test_aws_waits_a_day_for_a_click_and_three_for_dkim() -> None:
    since = datetime(2026, 11, 24, 4, tzinfo=UTC)
    assert awaited_until(IdentityKind.ADDRESS, since) == datetime(2026, 11, 25, 4, tzinfo=UTC)
    assert awaited_until(IdentityKind.DOMAIN, since) == datetime(2026, 11, 27, 4, tzinfo=UTC)

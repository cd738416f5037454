import pytest

from bot.mailer.monitoring.reputation_limits import BOUNCES, COMPLAINTS, Level, Rates, Threshold


@pytest.mark.parametrize(
    ("line", "count", "sent", "level"),
    [
        (BOUNCES, 10, 199, Level.FINE),  # too few to say anything
        (BOUNCES, 9, 200, Level.FINE),
        (BOUNCES, 10, 200, Level.STOP),  # 5 %
        (BOUNCES, 25, 1000, Level.WARN),  # 2.5 %
        (BOUNCES, 24, 1000, Level.BELOW_WARN),
        (BOUNCES, 19, 1000, Level.FINE),
        (BOUNCES, 49, 1000, Level.WARN),
        (BOUNCES, 50, 1000, Level.STOP),
        (COMPLAINTS, 2, 200, Level.FINE),
        (COMPLAINTS, 3, 1000, Level.STOP),  # 0.3 %
        (COMPLAINTS, 3, 3000, Level.WARN),  # 0.1 %
        (COMPLAINTS, 3, 3100, Level.BELOW_WARN),
        (COMPLAINTS, 3, 4000, Level.FINE),
    ],
)
def test_the_lines_are_where_they_were_promised(line: Threshold, count: int, sent: int, level: Level) -> None:
    assert line.level(count, sent) is level


def test_the_numbers_are_told_in_words() -> None:
    assert Rates(1000, 52, 1).in_words() == ("52 of 1,000 mails bounced for good (5.2 %), 1 drew a complaint (0.10 %)")

"""A simulated month, in small: `python -m tests.month` plays a thousand mailers."""

from tests.databases import Databases
from tests.month import play

MAILERS = 4


async def test_a_month_of_faults_raises_no_false_alarm_and_misses_no_loss(databases: Databases) -> None:
    month = await play(await databases.create("sqlite"), MAILERS)

    print(month)
    assert month.looks > MAILERS * 30 * 24
    assert 0.005 < month.faults / month.calls < 0.02
    assert month.alerted == month.within_two == month.losses == 2
    assert (month.false_alarms, month.open) == (0, 0)

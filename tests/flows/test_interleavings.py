"""A few of what `python -m tests.interleavings` plays: a click held before each statement while others run."""

import pytest

from tests.databases import Databases
from tests.faults.scenarios import SCENARIOS
from tests.faults.sites import every_transaction
from tests.interleavings.meeting import RIVALS, Meetings, another_replica, tables_of
from tests.playground.aws import AwsPlayground

CANCEL = {scenario.name: scenario for scenario in SCENARIOS}["cancel"]


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("INSERT INTO audit (id) VALUES (1)", {"audit"}),
        ("UPDATE delivery SET state='x' WHERE id=1", {"delivery"}),
        ("SELECT a.id FROM broadcast JOIN team ON true WHERE 1=1 FOR UPDATE OF broadcast", {"broadcast", "team"}),
        ("SELECT id FROM broadcast", set()),
        ("COMMIT", set()),
    ],
)
def test_a_statement_tells_whose_rows_it_changes_or_locks(statement: str, tables: set[str]) -> None:
    assert tables_of(statement) == tables


@pytest.mark.long
async def test_a_cancel_that_is_held_meets_a_replica_and_somebody_who_takes_it_back(
    databases: Databases, aws: AwsPlayground
) -> None:
    meetings = Meetings(databases, aws)
    recorded = await meetings.watch(CANCEL)
    assert recorded.wrong == []
    assert recorded.tables.keys() <= every_transaction()
    hold = next(each for each in recorded.holds if each.transaction.function == "BroadcastControls._end")
    assert {"broadcast", "delivery", "audit"} <= recorded.tables[hold.transaction]

    alone = await meetings.meet(CANCEL, hold, another_replica, same_end=True)
    rival = await meetings.meet(CANCEL, hold, RIVALS["cancel"], same_end=False)

    assert (alone.held, rival.held) == (True, True)
    assert (alone.wrong, rival.wrong) == ([], [])
    assert alone.others
    assert rival.others

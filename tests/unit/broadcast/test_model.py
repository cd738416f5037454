"""The engine's order of commits, explored in full: who may be killed or stall where, and when events come."""

import pytest

from storage.states import BroadcastState, DeliveryState
from tests.model.explorer import ViolationError, explore
from tests.model.sending import Fault, Model, Row, State, is_end, wrong

NOT_IN_IT = {DeliveryState.BOUNCED, DeliveryState.COMPLAINED, DeliveryState.FAILED, DeliveryState.SUPPRESSED}
TWICE, DOUBLE = "a recipient has two mails", State(rows=(Row(DeliveryState.DELIVERED, mails=2),))


def test_in_every_order_nobody_has_two_mails_nobody_is_lost_and_all_that_is_sent_was_approved() -> None:
    states = explore(State(), Model().steps, wrong, is_end).came_from

    assert len(states) > 30_000
    assert {state.broadcast for state in states} == {*BroadcastState} - {BroadcastState.STOPPED}
    assert {row.state for state in states for row in state.rows} == {*DeliveryState} - NOT_IN_IT


@pytest.mark.parametrize(
    ("fault", "found", "last"),
    [
        (Fault.NO_INTENT, "a mail is not known of", "sender A calls SES for recipient 0, which takes it"),
        (Fault.NO_LEASE, "two senders work for one account", "sender A claims recipient 0"),
        (
            Fault.UNKNOWN_EVENT,
            "SES has told what became of a mail, and it is not known",
            "SES says that recipient 0 was sent",
        ),
        (
            Fault.KEPT_APPROVAL,
            "a text goes out that nobody approved",
            "sender A calls SES for recipient 0, which takes it",
        ),
        (Fault.SENT_AGAIN, "a mail is not known of", "sender B takes the account"),
        (Fault.FORGOTTEN, "it never comes to an end", "sender A is killed"),
    ],
)
def test_what_is_planted_is_found_with_its_trace(fault: Fault, found: str, last: str) -> None:
    alone = State(rows=(Row(),))
    with pytest.raises(ViolationError) as caught:
        explore(alone, Model(fault).steps, wrong, is_end)

    assert (caught.value.wrong, caught.value.trace[-1]) == (found, last)
    assert caught.value.trace[0] == "somebody asks for approval"
    assert f"{len(caught.value.trace):3} {last}" in str(caught.value)


def test_a_second_mail_is_wrong_whatever_is_known_of_it() -> None:
    assert wrong(DOUBLE) == TWICE

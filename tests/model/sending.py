"""A model of sending: people, two senders, one lease, SES and its events; every move is one of storage/transitions.py.

A transaction is one step, and so is a call of SES. Between any two steps a sender may be killed, or stall as long as it
likes: then the others' steps come first, and its lease runs out. Events come in any order, and once more.

What is left out: *Send again*, with which a person accepts that somebody may get a second mail.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from storage import transitions
from storage.models import Broadcast, Chunk, Delivery
from storage.states import BroadcastState, ChunkState, DeliveryState
from tests.model.explorer import Step

B, C, D = BroadcastState, ChunkState, DeliveryState
NOBODY = -1
MOST_EDITS = MOST_REFUSALS = 1  # more of them only repeat what one shows


class Fault(StrEnum):
    """What may be wrong with an engine."""

    NO_INTENT = "it is sent before the intent is written"
    NO_LEASE = "the lease is not checked"
    UNKNOWN_EVENT = "an event that comes before its mail is known is thrown away"
    KEPT_APPROVAL = "Undo keeps the approval"
    SENT_AGAIN = "who takes over sends again what was under way"
    FORGOTTEN = "who takes over waits for what was under way"


class Row(NamedTuple):
    """A recipient: the delivery and its call, then what SES has of it."""

    state: DeliveryState = D.PENDING
    call: ChunkState | None = None
    refusals: int = 0
    mails: int = 0
    events: frozenset[DeliveryState] = frozenset()  # that are still to come


class Sender(NamedTuple):
    """What a process knows."""

    works: bool = False
    has_fence: bool = False  # nobody has taken the account since
    to: int = NOBODY  # whom it has claimed
    answer: DeliveryState | None = None  # of SES, not written down yet


class State(NamedTuple):
    broadcast: BroadcastState = B.DRAFT
    text: int = 0
    approved: int = NOBODY  # which text
    is_due: bool = False  # there is work for a sender
    holder: int = NOBODY  # of the lease
    rows: tuple[Row, ...] = (Row(), Row())
    senders: tuple[Sender, ...] = (Sender(), Sender())


class IllegalError(Exception):
    """A move that is in no table."""


class Model:
    """Args: `fault` is what is wrong with the engine."""

    def __init__(self, fault: Fault | None = None) -> None:
        self._fault = fault

    def steps(self, state: State) -> Iterator[Step[State]]:
        """Yield all that may happen; of two senders without work, who are alike, what happens to A."""
        try:
            yield from self._people(state)
            for number, name in enumerate("AB"):
                yield from self._sender(state, number, f"sender {name}")
            yield from self._events(state)
        except IllegalError as error:
            yield Step("the next step", state, str(error))

    def _people(self, state: State) -> Iterator[Step[State]]:
        back = {} if self._fault is Fault.KEPT_APPROVAL else {"approved": NOBODY}
        match state.broadcast:
            case B.DRAFT:
                if state.text < MOST_EDITS:
                    yield Step("somebody edits the text", state._replace(text=state.text + 1))
                if state.approved == NOBODY:
                    yield _to(state, "somebody asks for approval", B.AWAITING_APPROVAL)
                else:
                    yield _to(state, "somebody sends what was approved", B.SCHEDULED)
            case B.AWAITING_APPROVAL:
                yield _to(state, "somebody else approves it", B.SCHEDULED, approved=state.text)
                yield _to(state, "somebody else wants changes", B.DRAFT, **back)
            case B.SCHEDULED:
                yield _to(state, "somebody presses Undo", B.DRAFT, **back)
                approved = 0 if state.approved == state.text else NOBODY  # from here on it does not change
                yield _to(state, "its time comes", B.SENDING, is_due=True, text=0, approved=approved)
            case B.SENDING | B.PAUSED:
                yield from _controls(state)

    def _sender(self, state: State, number: int, name: str) -> Iterator[Step[State]]:
        me = state.senders[number]
        if state.holder == number:
            yield Step(f"the lease of {name} runs out", state._replace(holder=NOBODY))
        if me.works:
            yield Step(f"{name} is killed", _sender(state, number, Sender()))
        elif state.holder == NOBODY and state.is_due and (number == 0 or state.senders[0].works):
            yield Step(f"{name} takes the account", self._acquire(state, number))
        if me.answer is not None:
            yield Step(f"{name} writes the answer down", self._record(state, number, me.to, me.answer))
        elif me.to != NOBODY:
            yield from self._call(state, number, me, name)
        elif me.works:
            yield self._claim(state, number, name)

    def _acquire(self, state: State, number: int) -> State:
        """Whatever an earlier holder left open is in doubt from then on."""
        for to, row in enumerate(state.rows):
            if row.call is C.CALLING and self._fault is Fault.SENT_AGAIN:
                state = _row(state, to, state=D.PENDING, call=None)
            elif row.call is C.CALLING and self._fault is not Fault.FORGOTTEN:
                state = _doubt(state, to)
        others = tuple(other._replace(has_fence=False) for other in state.senders)
        return _sender(state._replace(senders=others, holder=number), number, Sender(works=True, has_fence=True))

    def _claim(self, state: State, number: int, name: str) -> Step[State]:
        """Write the intent down; where nobody is left, end the broadcast, and where it waits, give the account back."""
        me, gone = state.senders[number], Sender()
        if not me.has_fence and self._fault is not Fault.NO_LEASE:
            return Step(f"{name} finds that it has lost the account", _sender(state, number, gone))
        if state.broadcast is not B.SENDING:
            return Step(f"{name} gives the account back", _sender(state, number, gone, holder=NOBODY, is_due=False))
        rivals = "two senders work for one account" if state.holder not in {NOBODY, number} else ""
        left = [to for to, row in enumerate(state.rows) if row.state is D.PENDING]
        under_way = [to for to, row in enumerate(state.rows) if row.state is D.SENDING]
        if left:
            if self._fault is not Fault.NO_INTENT:
                state = _row(state, left[0], state=D.SENDING, call=C.CALLING)
            claimed = _sender(state, number, me._replace(to=left[0]), holder=number)
            return Step(f"{name} claims recipient {left[0]}", claimed, rivals)
        if under_way and self._fault is Fault.FORGOTTEN:
            return Step(f"{name} waits", state, rivals)
        if under_way:  # and not by this one
            return Step(f"{name} finds recipient {under_way[0]} under way", _doubt(state, under_way[0]), rivals)
        done = state._replace(broadcast=_move(Broadcast, state.broadcast, B.DONE))
        return Step(f"{name} finds nobody left", _sender(done, number, gone, holder=NOBODY, is_due=False), rivals)

    def _call(self, state: State, number: int, me: Sender, name: str) -> Iterator[Step[State]]:
        row = state.rows[me.to]
        wrong = "a text goes out that nobody approved" if state.approved != state.text else ""
        taken = _row(state, me.to, mails=row.mails + 1, events=frozenset({D.SENT, D.DELIVERED}))
        called = f"{name} calls SES for recipient {me.to}"
        yield Step(f"{called}, which takes it", _sender(taken, number, me._replace(answer=D.SENT)), wrong)
        yield Step(
            f"{called}, which takes it, no answer", _sender(taken, number, me._replace(answer=D.IN_DOUBT)), wrong
        )
        yield Step(f"{called}, which never hears it", _sender(state, number, me._replace(answer=D.IN_DOUBT)))
        if sum(each.refusals for each in state.rows) < MOST_REFUSALS:
            refused = _row(state, me.to, refusals=row.refusals + 1)
            yield Step(f"{called}, which refuses it for now", _sender(refused, number, me._replace(answer=D.PENDING)))

    def _record(self, state: State, number: int, to: int, answer: DeliveryState) -> State:
        """Late is an answer whose call was put in doubt meanwhile; of it only that it was sent counts."""
        state = _sender(state, number, state.senders[number]._replace(to=NOBODY, answer=None))
        if self._fault is Fault.NO_INTENT:
            state = _row(state, to, state=D.SENDING, call=C.CALLING)
        row = state.rows[to]
        on_time = row.call is C.CALLING
        is_open = row.state is D.SENDING or (row.state is D.IN_DOUBT and answer is D.SENT)
        if answer is D.PENDING and state.broadcast is B.CANCELLED:
            answer = D.CANCELLED
        if on_time:
            state = _row(state, to, call=C.IN_DOUBT if answer is D.IN_DOUBT else C.DONE)
        if is_open and (on_time or answer is D.SENT):
            state = _row(state, to, state=answer)
        return _row(state, to, call=None) if answer is D.PENDING and on_time else state

    def _events(self, state: State) -> Iterator[Step[State]]:
        for to, row in enumerate(state.rows):
            for event in sorted(row.events):
                known = row.state is not D.SENDING or self._fault is not Fault.UNKNOWN_EVENT
                settles = {D.IN_DOUBT} if event is D.SENT else {D.SENDING, D.IN_DOUBT, D.SENT}
                seen = _row(state, to, state=event) if known and row.state in settles else state
                label = f"SES says that recipient {to} was {event}"
                yield Step(label, _row(seen, to, events=row.events - {event}))
                yield Step(f"{label}, not for the last time", seen)


def wrong(state: State) -> str:
    """Say what is wrong, if anything is."""
    for row in state.rows:
        if row.mails > 1:
            return "a recipient has two mails"
        if row.mails and row.state in {D.PENDING, D.CANCELLED}:
            return "a mail is not known of"
        if not row.mails and row.state in {D.SENT, D.DELIVERED}:
            return "a recipient is lost"
        if row.mails and not row.events and row.state is not D.DELIVERED:
            return "SES has told what became of a mail, and it is not known"
    is_over = state.broadcast is B.DONE and any(row.state in {D.PENDING, D.SENDING} for row in state.rows)
    return "it is done, and somebody is left" if is_over else ""


def is_end(state: State) -> bool:
    """Tell whether it has ended, and nothing is under way: who is in doubt is listed as such."""
    return state.broadcast in {B.DONE, B.CANCELLED} and not any(
        row.state in {D.PENDING, D.SENDING} for row in state.rows
    )


def _controls(state: State) -> Iterator[Step[State]]:
    if state.broadcast is B.SENDING:
        yield _to(state, "somebody pauses it", B.PAUSED)
    else:
        yield _to(state, "somebody resumes it", B.SENDING, is_due=True)
    for to in [to for to, row in enumerate(state.rows) if row.state is D.PENDING]:
        state = _row(state, to, state=D.CANCELLED)
    yield _to(state, "somebody cancels it", B.CANCELLED)


def _to(state: State, label: str, target: BroadcastState, **rest: Any) -> Step[State]:
    return Step(label, state._replace(broadcast=_move(Broadcast, state.broadcast, target), **rest))


def _move(model: type, source: StrEnum, target: StrEnum) -> Any:
    if source is not target and (source, target) not in transitions.LEGAL[model]:
        raise IllegalError(f"a {model.__name__} cannot move from {source} to {target}")
    return target


def _doubt(state: State, to: int) -> State:
    row = state.rows[to]
    return _row(state, to, state=D.IN_DOUBT if row.state is D.SENDING else row.state, call=C.IN_DOUBT)


def _row(state: State, to: int, /, **changes: Any) -> State:
    row, after = state.rows[to], state.rows[to]._replace(**changes)
    _move(Delivery, row.state, after.state)
    if row.call and after.call:
        _move(Chunk, row.call, after.call)
    if after.state not in {D.PENDING, D.SENDING}:  # what makes no difference any more makes no other state
        after = after._replace(refusals=0, call=C.DONE if after.state is D.DELIVERED else after.call)
    return state._replace(rows=(*state.rows[:to], after, *state.rows[to + 1 :]))


def _sender(state: State, number: int, sender: Sender, **rest: Any) -> State:
    senders = tuple(sender if each == number else other for each, other in enumerate(state.senders))
    return state._replace(senders=senders, **rest)

"""Whatever happens in whatever order: at most one open incident a thing, each with one message, and none left over."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlmodel import select

from bot.alerts.incidents import INHIBITS, SUPERSEDED_BY, Incidents
from bot.errors import BotError
from bot.mailer.monitoring.incident_rules import detect_conditions
from storage.models import Identity, Incident, Mailer
from storage.states import Access, IdentityState, IncidentState, Production, Sending
from tests.databases import Databases
from tests.unit.alerts.rows import Watched
from tests.unit.machines import DatabaseMachine, play

NAMES = [f"d{number}.test" for number in range(8)]


class IncidentLife(DatabaseMachine):
    """Facts change, time passes, messages arrive or do not, people acknowledge; now and then the facts are followed."""

    @initialize()
    def start(self) -> None:
        self.watched = Watched(self.db, self.clock(), *NAMES)
        self.run(self.watched.store())
        self.facts: dict[str, Any] = {}
        self.followed = True
        self.ended: dict[str, int] = {}

    def change(self, **facts: Any) -> None:
        self.facts |= facts
        self.followed = False

    @rule(access=st.sampled_from(Access))
    def access(self, access: Access) -> None:
        self.change(access=access)

    @rule(silent=st.booleans())
    def silence(self, silent: bool) -> None:
        self.change(unanswered_since=self.clock() - timedelta(hours=1) if silent else None)

    @rule(sending=st.sampled_from(Sending), production=st.sampled_from(Production))
    def decision(self, sending: Sending, production: Production) -> None:
        self.change(sending=sending, production=production)

    @rule(sent=st.sampled_from([0, 699, 700, 799, 800, 999, 1_000]))
    def sends(self, sent: int) -> None:
        self.change(sent_last_24_hours=sent)

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1), state=st.sampled_from(IdentityState))
    def identities(self, names: set[str], state: IdentityState) -> None:
        pending = self.clock() if state is IdentityState.PENDING else None
        self.run(self.watched.change(*names, state=state, pending_since=pending))
        self.followed = False

    @rule(hours=st.integers(1, 80))
    def time(self, hours: int) -> None:
        self.clock.advance(hours * 3_600)
        self.followed = False

    @rule()
    def delivered(self) -> None:
        self.run(self.watched.post())

    @rule()
    def follow(self) -> None:
        self.run(self.watched.follow(self.clock(), **self.facts))
        self.facts, self.followed = {}, True

    @precondition(lambda self: self.run(self.watched.open()))
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        incident = data.draw(st.sampled_from(self.run(self.watched.open())))
        acknowledging = Incidents(self.db).acknowledge(self.watched.team, incident.id, "U1")
        if incident.state is IncidentState.OPEN:
            assert self.run(acknowledging).acknowledged_by == "U1"
        else:
            with pytest.raises(BotError):
                self.run(acknowledging)

    @invariant()
    def at_most_one_is_open_of_each_thing(self) -> None:
        things = Counter((one.kind, one.subject) for one in self.run(self.watched.open()))
        assert max(things.values(), default=1) == 1

    @invariant()
    def each_has_one_message(self) -> None:
        incidents = self.run(self.all_incidents())
        assert sorted(one.id for one in incidents) == sorted(
            row.record_id for row in self.run(self.watched.told("alert"))
        )

    @invariant()
    def what_is_over_stays_so(self) -> None:
        ended = {one.id: one.version for one in self.run(self.all_incidents()) if one.state is IncidentState.RESOLVED}
        assert ended.items() >= self.ended.items()
        self.ended = ended

    @invariant()
    def what_is_open_is_what_is_wrong(self) -> None:
        if not self.followed:
            return
        found = self.run(self.found())
        incidents = self.run(self.watched.open())
        open_things = {(one.kind, thing) for one in incidents for thing in one.detail.get("members", [one.subject])}
        kinds = {kind for kind, _ in open_things}
        begins = {
            thing for thing, finding in found.items() if finding.opens and SUPERSEDED_BY.get(thing[0]) not in kinds
        }
        assert begins <= open_things
        if not kinds & INHIBITS:
            assert open_things <= found.keys()

    async def all_incidents(self) -> list[Incident]:
        async with self.db.read() as session:
            return list(await session.exec(select(Incident)))

    async def found(self) -> Any:
        async with self.db.read() as session:
            mailer = (await session.exec(select(Mailer))).one()
            return detect_conditions(mailer, (await session.exec(select(Identity))).all(), self.clock())


def test_incidents_follow_the_facts_in_any_order(databases: Databases) -> None:
    play(IncidentLife, databases, examples=15, steps=20)

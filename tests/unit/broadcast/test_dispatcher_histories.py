"""Whatever happens in whatever order: nobody twice, nobody lost, and what is stored is what AWS did."""

from collections.abc import Awaitable, Callable

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.broadcast.delivery.account_lease import LEASE
from bot.broadcast.delivery.dispatcher import Dispatcher
from bot.errors import BotError
from bot.suppression.recording import suppress
from storage.models import Broadcast
from storage.states import BroadcastState, DeliveryState, SuppressionReason
from tests.playground.aws import How
from tests.unit.broadcast.fixtures import BULK, Station

SIZE = 50
FAULTS = [How.CLOSE_AFTER, How.REFUSE, How.UNAVAILABLE, How.THROTTLE, "UnrecognizedClientException"]
EVENTS = [*FAULTS, "quota", "pause", "resume", "suppress", "take over", "nothing"]


class History:
    """One broadcast, and what happens to it each time its sender rests."""

    def __init__(self, station: Station, broadcast: Broadcast, events: list[str]) -> None:
        self.station, self.broadcast = station, broadcast
        self.events = list(events)
        self.engines: list[Dispatcher] = [station.engine()]

    async def next(self) -> None:
        if not self.events:
            return
        event = self.events.pop(0)
        if event in FAULTS:
            self.station.aws.fail(BULK, event)
        elif event != "nothing":
            acts: dict[str, Callable[[], Awaitable[object]]] = {
                "quota": self.quota,
                "pause": lambda: self.click("pause"),
                "resume": lambda: self.click("resume"),
                "suppress": self.suppress,
                "take over": self.take_over,
            }
            await acts[event]()

    async def quota(self) -> None:
        self.station.aws.fail(BULK, How.THROTTLE, message="Daily message quota exceeded.")

    async def click(self, button: str) -> None:
        seen = await self.station.broadcast(self.broadcast.id)
        try:
            await getattr(self.station.broadcasts, button)(self.station.team, seen.id, seen.version, "U1")
        except BotError:
            return  # the button was not there

    async def suppress(self) -> None:
        address = (await self.station.deliveries(self.broadcast.id))[40].address
        async with self.station.db.write() as session:
            reason = SuppressionReason.UNSUBSCRIBED
            now = self.station.clock()
            await suppress(session, self.station.team.id, address, reason, source="", now=now)

    async def take_over(self) -> None:
        """The sender that rests has stalled: its lease runs out, and another process takes the account."""
        self.station.clock.advance(LEASE.total_seconds())
        self.engines.append(self.station.engine())
        await self.engines[-1].tick()

    async def play(self) -> None:
        """Let it all happen, and then let time pass until the broadcast has an end."""
        self.station.between_calls = self.next
        await self.next()
        for _ in range(40):
            for engine in list(self.engines):
                await self.station.run(engine)
            if (await self.station.broadcast(self.broadcast.id)).state is BroadcastState.DONE:
                return
            await self.click("resume")
            self.station.clock.advance(700)
            await self.station.monitor.tick()


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.sampled_from(EVENTS), max_size=8), bad=st.sets(st.integers(1, SIZE), max_size=3))
@example(events=["take over", How.CLOSE_AFTER, "take over", "pause", How.THROTTLE], bad={1, 50})
@example(events=["quota", "suppress", How.REFUSE, "resume", "UnrecognizedClientException"], bad=set())
async def test_any_history_accounts_for_everybody_once(connected: Station, events: list[str], bad: set[int]) -> None:
    connected.between_calls = None
    connected.aws.heal()
    connected.aws.mails.clear()
    connected.ses.refused.clear()
    for number in bad:
        connected.ses.refuse(f"r{number}@*", "BadRequestException", "Illegal address.")
    broadcast = await connected.confirmed(SIZE)
    history = History(connected, broadcast, events)
    await history.play()
    assert (await connected.broadcast(broadcast.id)).state is BroadcastState.DONE
    assert connected.nobody_twice()
    mailed = connected.mailed()
    deliveries = await connected.deliveries(broadcast.id)
    assert len(deliveries) == SIZE
    for delivery in deliveries:
        match delivery.state:
            case DeliveryState.SENT:
                assert mailed[delivery.address] == 1
            case DeliveryState.FAILED:
                assert delivery.seq in bad
                assert mailed[delivery.address] == 0
            case DeliveryState.SUPPRESSED:
                assert mailed[delivery.address] == 0
            case _:
                assert delivery.state is DeliveryState.IN_DOUBT

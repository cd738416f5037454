"""One scenario played with one fault, and what must hold whatever fails."""

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from sqlmodel import col, select

from storage.models import (
    Audience,
    Audit,
    Broadcast,
    Delivery,
    Identity,
    Incident,
    Mailer,
    Outbox,
    Suppression,
    TeamLook,
    Webhook,
    WebhookEvent,
)
from storage.states import UNSENT, DeliveryState, IncidentState
from tests.databases import Databases
from tests.faults.scenarios import BY_ITSELF, Scenario, Step
from tests.faults.seams import STALL, Plan
from tests.faults.sites import Medium, Site
from tests.faults.stage import PATIENCE, Stage, open_stage
from tests.flows.world import SIMULATOR
from tests.playground.aws import AwsPlayground
from tests.playground.slack.delivery import NotAcked
from tests.playground.slack.surfaces import InvalidAck

_WORDS = ("warning", "again", "hourglass", "wrong", "not answer", "did not", "could not", "cannot", "unavailable", "50")
"""One of them is in whatever is said of a fault."""

_REFERENCE = "Something went wrong on our side"

Digest = dict[str, Any]


class _ToldError(Exception):
    """Somebody was told that it did not work, and does it again."""


def _is_right(said: set[str]) -> None:
    if any(_REFERENCE in each for each in said):
        raise _ToldError


@dataclass
class Played:
    """What came of it; `wrong` says what does not hold."""

    sites: list[Site] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    met: bool = False
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    again: int = 0  # steps that were done again
    digest: Digest = field(default_factory=dict)


class Plays:
    """Args: `databases` are made there, on a server of this kind."""

    def __init__(self, databases: Databases, aws: AwsPlayground, kind: str = "sqlite") -> None:
        self._databases, self._aws, self._kind = databases, aws, kind
        self._right: dict[str, Digest] = {}

    async def record(self, scenario: Scenario) -> Played:
        """Play it without a fault; whatever goes wrong is raised."""
        played = Played()
        async with self._warm(scenario) as on:
            on.seams.reached.clear()
            began = perf_counter()
            for step in scenario.steps:
                await step(on)
            played.seconds = perf_counter() - began
            played.sites = list(on.seams.reached)
            played.digest = self._right[scenario.name] = await self._end(on, played)
            played.unknown = list(on.seams.unknown)
        return played

    async def play(self, scenario: Scenario, plan: Plan) -> Played:
        """Play it with a fault; it was recorded before."""
        played = Played()
        async with self._warm(scenario) as on:
            on.seams.plan, on.world.slack.patience = plan, PATIENCE
            for step in scenario.steps:
                await self._do(on, step, plan, played)
            on.heal()
            digest = await self._end(on, played)
        played.met = plan.met > 0
        right = self._right[scenario.name]
        _at_most(digest["audit"], right["audit"], played.again)
        excused = _OF_DOUBT if plan.site.place.startswith(_MAY_DOUBT) and digest["in doubt"] else ()
        played.wrong += [
            f"{name}: {digest[name]} instead of {right[name]}"
            for name in right
            if name not in excused and digest[name] != right[name]
        ]
        return played

    @asynccontextmanager
    async def _warm(self, scenario: Scenario) -> AsyncIterator[Stage]:
        url = await self._databases.create(self._kind)
        try:
            async with open_stage(self._aws, url) as on:
                for step in scenario.warm:
                    await step(on)
                yield on
        finally:
            await self._databases.recycle(url)

    async def _do(self, on: Stage, step: Step, plan: Plan, played: Played) -> None:
        """Do a step; where it does not come to its end, somebody hears of it, and then it can be done again."""
        before, met, logged = on.reads(), plan.met, len(on.log.lines)
        name = getattr(step, "__name__", "")
        try:
            await step(on)
            if plan.met > met:
                _is_right(on.reads() - before)
        except InvalidAck as error:
            played.wrong.append(f"{name}: {error}")
        except Exception as error:  # noqa: BLE001 - whatever a fault leads to
            if plan.met == met:
                played.wrong.append(f"{name} fails without a fault: {type(error).__name__}: {error}")
                return
            comes_later = plan.site.file.startswith(_COMES_LATER)
            heard = step in BY_ITSELF or comes_later or isinstance(error, NotAcked)
            said = [each for each in on.reads() - before if any(word in each for word in _WORDS)]
            errors = [line for line in on.log.lines[logged:] if line.startswith(("ERROR", "WARNING"))]
            if not (heard or said or (plan.site.medium in _TELLING and errors)):
                played.wrong.append(f"{name}: nobody hears of it ({type(error).__name__}: {str(error)[:200]})")
        else:
            return
        on.heal()
        played.again += 1
        try:
            await on.passes(STALL)
            await on.closes_modals()
            await step(on)
        except Exception as error:
            logging.getLogger(__name__).debug("again", exc_info=error)
            played.wrong.append(f"{name} cannot be done afterwards: {type(error).__name__}: {str(error)[:300]}")

    async def _end(self, on: Stage, played: Played) -> Digest:
        """Let time pass until nothing is due, and look at everything."""
        for _ in range(3):
            await on.passes(900)
        played.wrong += await _books(on)
        log = "\n".join(on.log.lines)
        key, settings = on.kept.get("key"), on.world.bot.settings
        secrets = {
            *on.secrets,
            key.secret_access_key if key else "",
            on.kept.get("token") or "",
            settings.slack_bot_token.reveal(),
            settings.slack_signing_secret.reveal(),
            *(
                each.key.secret_access_key
                for each in on.world.aws.directory.credentials.values()
                if hasattr(each, "key")
            ),
        } - {""}
        played.wrong += ["a secret is in the log" for secret in secrets if secret in log]
        return await _digest(on)


_COMES_LATER = ("handlers/slack/outbound/", "bot/alerts/outbox.py", "bot/broadcast/reporting/")
"""Where what fails is a message to the channel: it is due again."""

_MAY_DOUBT = ("bot/ses/operations.py::Ses.send_bulk", "bot/broadcast/delivery/")
"""Where a fault leaves nobody able to say whether AWS took a mail."""

_OF_DOUBT = ("deliveries", "mails", "suppressed", "in doubt", "heard by the webhook")
"""What differs for somebody who is in doubt; that they were mailed once at most is held in `_books`."""

_BY_CHANCE = "team.reach"  # a channel that is back before Slack was asked was never away
_ERASED = "@erased.invalid"
_LEFT = frozenset({DeliveryState.PENDING, DeliveryState.SENDING})
_MAILED = frozenset({DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.COMPLAINED})
_TELLING = frozenset({Medium.SLACK})
"""Where what failed is the telling itself, and only the operator can hear of it."""


def _at_most(audit: Counter[str], right: Counter[str], again: int) -> None:
    """Take back what may be there once more for every step that was done again: who asks twice is noted twice."""
    for action, times in right.items():
        if times < audit[action] <= times + again:
            audit[action] = times


async def _books(on: Stage) -> list[str]:
    """Hold what is stored against what AWS took, and against what the channels have."""
    mailed = Counter((mail.tags.get("broadcast", ""), mail.to[0]) for mail in on.world.aws.mails)
    async with on.world.bot.db.read() as session:
        deliveries = (await session.exec(select(Delivery))).all()
        broadcasts = {each.id: each for each in (await session.exec(select(Broadcast))).all()}
        unsaid = (await session.exec(select(Outbox.key).where(col(Outbox.due_at).is_not(None)))).all()
    sizes = Counter(each.broadcast_id for each in deliveries)
    wrong = [f"{address} was mailed {times} times" for (tag, address), times in mailed.items() if tag and times > 1]
    wrong += [
        f"“{each.subject}” has {each.size} recipients, and {sizes[each.id]} in its books"
        for each in broadcasts.values()
        if each.confirmed_by and sizes[each.id] != each.size
    ]
    for row in [each for each in deliveries if broadcasts[each.broadcast_id].confirmed_by]:
        was, went = f"{row.address} is {row.state.value}", mailed[row.broadcast_id, row.address]
        if row.address.endswith(_ERASED):
            continue
        if row.state in _LEFT:
            wrong.append(f"{was} in the end")
        elif row.state is not DeliveryState.IN_DOUBT and went != (row.state in _MAILED):
            wrong.append(f"{was}, and was mailed {went} times")
    return [*wrong, *(f"{key} is never said" for key in unsaid)]


def _known(address: str) -> str:
    """Return the address; what stands in place of an erased one is another each time."""
    return _ERASED if address.endswith(_ERASED) else address


async def _digest(on: Stage) -> Digest:
    """What there is in the end, but for ids and times."""
    async with on.world.bot.db.read() as session:

        async def rows(model: Any) -> Any:
            return (await session.exec(select(model))).all()

        broadcasts = [each for each in await rows(Broadcast) if each.state not in UNSENT or each.confirmed_by]
        confirmed = {each.id for each in broadcasts}
        mails = [each for each in on.world.aws.mails if each.to[0] != SIMULATOR]
        deliveries = [each for each in await rows(Delivery) if each.broadcast_id in confirmed]
        return {
            "broadcasts": sorted((each.kind.value, each.subject, each.size, each.state.value) for each in broadcasts),
            "deliveries": sorted(f"{_known(each.address)} {each.state.value}" for each in deliveries),
            "mails": sorted(Counter(f"{each.to[0]} {each.subject}" for each in mails).items()),
            "suppressed": sorted((_known(each.address), each.reason.value) for each in await rows(Suppression)),
            "identities": sorted((each.name, each.state.value) for each in await rows(Identity)),
            "mailers": sorted((each.account_id, each.region, each.access.value) for each in await rows(Mailer)),
            "audiences": sorted((each.name, each.size) for each in await rows(Audience) if each.name),
            "incidents": sorted(
                each.kind.value for each in await rows(Incident) if each.state is not IncidentState.RESOLVED
            ),
            "looks": len(await rows(TeamLook)),
            "webhooks": len(await rows(Webhook)),
            "webhook events": len(await rows(WebhookEvent)),
            "heard by the webhook": sorted({each.type for each in on.hooks.taken}),
            "outbox": sorted(
                (each.kind, each.due_at is None, bool(each.ts or each.is_file)) for each in await rows(Outbox)
            ),
            "audit": Counter(each.action for each in await rows(Audit) if each.action != _BY_CHANCE),
            "in doubt": [each.address for each in deliveries if each.state is DeliveryState.IN_DOUBT],
        }

"""`/metrics`, as Prometheus reads it (https://prometheus.io/docs/instrumenting/exposition_formats/).

Names follow https://prometheus.io/docs/practices/naming/. No label names a team, an account or an address.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from bot import unknown_answers
from bot.metrics import Metrics
from handlers.http.caching import Remembered
from handlers.http.health import PATIENCE, Health
from handlers.http.loop_lag import LoopLag
from storage import database_errors

log = logging.getLogger(__name__)

TEXT = "text/plain; version=0.0.4; charset=utf-8"


class MetricsPage:
    """What the database tells is the same in each replica; all else is of this process.

    Args:
        measure: reads the database.
        health: that of `/readyz`, so that both say the same.
        loop_lag: of this process.
        version: Mailroom's.
        clock: in seconds.
    """

    def __init__(
        self,
        measure: Callable[[], Awaitable[Metrics]],
        *,
        health: Health,
        loop_lag: LoopLag,
        version: str,
        clock: Callable[[], float],
    ) -> None:
        self._measure = Remembered(measure, clock)
        self._health = health
        self._loop_lag = loop_lag
        self._version = version
        self._of_process = ProcessCollector(registry=None)

    async def show(self, _request: web.Request) -> web.Response:
        """Answer also while the database does not: then without what only it knows."""
        facts, ready = await asyncio.gather(self._facts(), self._health.found())
        registry = CollectorRegistry()
        registry.register(self._of_process)
        registry.register(_Collected(lambda: self._own(ready)))
        if facts:
            registry.register(_Collected(lambda: _stored(facts)))
        return web.Response(body=generate_latest(registry), headers={"Content-Type": TEXT})

    async def _facts(self) -> Metrics | None:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._measure()
        except Exception as error:  # noqa: BLE001 - whatever keeps the database from answering, the rest is shown
            log.warning("metrics without what the database knows: %s", type(error).__name__)
            return None

    def _own(self, ready: Mapping[str, str]) -> Iterator[Metric]:
        yield InfoMetricFamily("mailroom_build", "Which Mailroom this is.", {"version": self._version})
        well = {name: int(not wrong) for name, wrong in ready.items()}
        yield _by("mailroom_ready", "1 while this check of /readyz is well.", "check", well)
        lag = self._loop_lag.worst
        yield _one("mailroom_event_loop_lag_seconds", "The most the event loop was late in the last minute.", lag)
        errors = database_errors.errors.count
        yield CounterMetricFamily(
            "mailroom_database_errors", "Connections to the database lost, and statements that failed.", value=errors
        )
        unknown = CounterMetricFamily(
            "mailroom_unknown_answers",
            "Answers of AWS and Slack that are on no list.",
            labels=["service", "action"],
        )
        for labels, count in unknown_answers.answers.counted.items():
            unknown.add_metric(labels, count)
        yield unknown


def _stored(now: Metrics) -> Iterator[Metric]:
    yield _by("mailroom_mailers", "Mailers, by whether AWS accepts their credentials.", "access", now.mailers)
    yield _by("mailroom_incidents_open", "What is wrong, by kind.", "kind", now.incidents)
    yield _by("mailroom_broadcasts", "Broadcasts that have not ended.", "state", now.broadcasts)
    yield _one("mailroom_approvals_waiting", "Broadcasts that wait for approval.", now.approvals_waiting)
    yield _by("mailroom_mails_last_24_hours", "Mails, by what events told of them.", "outcome", now.mails)
    yield _one("mailroom_messages_due", "Messages to Slack that wait to be posted or edited.", now.messages_due)
    yield _one("mailroom_messages_failing", "Messages that Slack did not take at the last try.", now.messages_failing)
    yield _one(
        "mailroom_message_lag_seconds", "How long the oldest message has been due, tries included.", now.message_lag
    )
    yield _one(
        "mailroom_message_unsent_seconds",
        "How long the oldest message that Slack has never taken has waited, tries included.",
        now.message_unsent,
    )
    yield _one("mailroom_poll_lag_seconds", "How long the most overdue look at AWS has been due.", now.poll_lag)
    yield _one("mailroom_sending_lag_seconds", "How long an account with mail to send has sent none.", now.sending_lag)
    yield _one("mailroom_webhook_lag_seconds", "How long the oldest webhook has been due.", now.webhook_lag)


class _Collected(Collector):
    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        return self._collect()


def _one(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _by(name: str, about: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family

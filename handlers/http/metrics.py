"""`/metrics`, as Prometheus reads it (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from collections.abc import Awaitable, Callable, Iterator, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.metrics import Metrics
from handlers.http.caching import Remembered

TEXT = "text/plain; version=0.0.4; charset=utf-8"


class MetricsPage:
    def __init__(self, measure: Callable[[], Awaitable[Metrics]], version: str, clock: Callable[[], float]) -> None:
        self._measure = Remembered(measure, clock)
        self._version = version

    async def show(self, _request: web.Request) -> web.Response:
        registry = CollectorRegistry()
        registry.register(_Measured(await self._measure(), self._version))
        return web.Response(body=generate_latest(registry), headers={"Content-Type": TEXT})


class _Measured(Collector):
    def __init__(self, now: Metrics, version: str) -> None:
        self._now = now
        self._version = version

    def collect(self) -> Iterator[Metric]:
        now = self._now
        yield InfoMetricFamily("mailroom_build", "Which Mailroom this is.", {"version": self._version})
        yield _by("mailroom_mailers", "Mailers, by whether AWS accepts their credentials.", "access", now.mailers)
        yield _by("mailroom_incidents_open", "What is wrong, by kind.", "kind", now.incidents)
        yield _by("mailroom_broadcasts", "Broadcasts that have not ended.", "state", now.broadcasts)
        yield _one("mailroom_approvals_waiting", "Broadcasts that wait for approval.", now.approvals_waiting)
        yield _by("mailroom_mails_last_24_hours", "Mails, by what events told of them.", "outcome", now.mails)
        yield _one("mailroom_messages_due", "Messages to Slack that wait to be posted or edited.", now.messages_due)
        yield _one("mailroom_message_lag_seconds", "How long the oldest of them has been due.", now.message_lag)
        yield _one("mailroom_poll_lag_seconds", "How long the most overdue look at AWS has been due.", now.poll_lag)
        yield _one("mailroom_webhook_lag_seconds", "How long the oldest webhook has been due.", now.webhook_lag)
        unknown = CounterMetricFamily(
            "mailroom_unknown_answers",
            "Answers of AWS and Slack that are on no list.",
            labels=["service", "action"],
        )
        for labels, count in now.unknown_answers.items():
            unknown.add_metric(labels, count)
        yield unknown


def _one(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _by(name: str, about: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family

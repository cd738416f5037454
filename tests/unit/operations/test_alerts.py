"""docs/operations: the alerts and the dashboard name what /metrics has, and a real Prometheus reads them."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.playground.ports import free_port

ROOT = Path(__file__).parents[3]
RULES = ROOT / "docs" / "operations" / "alerts.yml"
TESTS_OF_RULES = Path(__file__).parent / "alerts_test.yml"
DASHBOARD = json.loads((ROOT / "docs" / "operations" / "grafana-dashboard.json").read_text())
PAGE = (ROOT / "docs" / "operations.md").read_text()
ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"])
PATIENCE = 60  # seconds, on a busy machine


def tool(name: str) -> str:
    """Path of a program of Prometheus."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not on this machine: apt-get install prometheus brings it")
    return path


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return list(group["rules"])


def queries() -> Iterator[tuple[str, str]]:
    """Each query of the dashboard, with the title of its panel, as Grafana asks it."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m").replace("$job", "mailroom")


def selectors(query: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each metric that a query names, with the labels that it wants."""
    for name, labels in re.findall(r"\b(mailroom_\w+|process_\w+|up\b)(?:\{([^}]*)\})?", query):
        yield name, dict(re.findall(r'(\w+)=~?"([^"]*)"', labels))


async def exposed(address: str) -> dict[str, list[dict[str, str]]]:
    """Ask for /metrics; the labels of each sample, by name."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as answer:
        found: dict[str, list[dict[str, str]]] = {}
        for family in text_string_to_metric_families(await answer.text()):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.labels)
    return found


@ON_SQLITE
async def test_every_metric_that_an_alert_or_a_panel_names_is_exposed_with_those_labels(metrics_address: str) -> None:
    samples = await exposed(metrics_address) | {"up": [{}]}
    asked = [query for _, query in queries()] + [alert["expr"] for alert in alerts()]

    for query in asked:
        for name, labels in selectors(query):
            of_ours = {label: value for label, value in labels.items() if label not in {"job", "instance"}}
            assert any(of_ours.items() <= each.items() for each in samples.get(name, [])), (name, of_ours)


@ON_SQLITE
async def test_every_metric_of_mailroom_is_in_the_table_of_operations(metrics_address: str) -> None:
    rows = re.findall(r"^\| ((?:`mailroom_[^|]+`,? ?)+)\|", PAGE, re.MULTILINE)
    described = {
        name: set(labels.split(",")) - {""}
        for row in rows
        for name, labels in re.findall(r"`(mailroom_\w+)(?:\{([\w,]+)\})?`", row)
    }
    samples = await exposed(metrics_address)

    assert described == {name: set(labels[0]) for name, labels in samples.items() if name.startswith("mailroom_")}


def test_every_alert_says_what_it_means_and_stands_in_the_table_of_operations() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(alert["annotations"]) == {"summary", "description"}
    assert re.findall(r"^\| `(Mailroom\w+)` \|", PAGE, re.MULTILINE) == [alert["alert"] for alert in alerts()]


def test_every_alert_fires_when_it_should_and_is_quiet_otherwise() -> None:
    named = {alert["alert"] for alert in alerts()}
    wrong, well = yaml.safe_load(TESTS_OF_RULES.read_text())["tests"]
    expected = [sample["labels"] for check in wrong["promql_expr_test"] for sample in check["exp_samples"]]
    assert {f'{{alertname="{name}"}}' for name in named} == set(expected)
    tried = {name for series in well["input_series"] for name, _ in selectors(series["series"])}
    assert {name for alert in alerts() for name, _ in selectors(alert["expr"])} <= tried

    for command in (["check", "rules", RULES.name], ["test", "rules", str(TESTS_OF_RULES)]):
        ran = subprocess.run(  # noqa: S603 - a program of this machine on files of ours
            [tool("promtool"), *command], cwd=RULES.parent, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_panels_of_the_dashboard_lie_side_by_side_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
        assert all(one["datasource"]["uid"] == "${datasource}" for one in [panel, *panel["targets"]])
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.fixture
async def prometheus(metrics_address: str, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A real Prometheus that has Mailroom's rules and has scraped it twice."""
    program = tool("prometheus")
    address = f"127.0.0.1:{free_port()}"
    job = {"job_name": "mailroom", "static_configs": [{"targets": [metrics_address]}]}
    seconds = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    settings = {"global": seconds, "rule_files": [str(RULES)], "scrape_configs": [job]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
    command = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            program, *command, f"--web.listen-address={address}", stdout=log, stderr=log
        )
    try:
        async with aiohttp.ClientSession(f"http://{address}") as session:
            try:
                async with asyncio.timeout(PATIENCE):
                    await scraped_twice(session)
            except TimeoutError:
                pytest.fail((tmp_path / "log").read_text())
            yield session
    finally:
        running.terminate()
        await running.wait()


async def scraped_twice(session: aiohttp.ClientSession) -> None:
    """Wait; another program's time cannot be passed in."""
    while True:
        try:
            found = await ask(session, "count_over_time(mailroom_build_info[1m]) >= 2")
        except (aiohttp.ClientConnectionError, aiohttp.ContentTypeError):  # not there, or 503 while it begins
            found = []
        if found:
            return
        await asyncio.sleep(0.2)


async def ask(session: aiohttp.ClientSession, query: str) -> list[Any]:
    async with session.get("/api/v1/query", params={"query": query}) as answer:
        said = await answer.json()
        assert said["status"] == "success", (query, said)
        return list(said["data"]["result"])


@ON_SQLITE
async def test_a_real_prometheus_loads_the_rules_and_answers_every_query_of_the_dashboard(
    prometheus: aiohttp.ClientSession,
) -> None:
    for title, query in queries():
        assert await ask(prometheus, query), (title, query)

    async with prometheus.get("/api/v1/rules") as answer:
        (group,) = (await answer.json())["data"]["groups"]
    assert {rule["name"] for rule in group["rules"]} == {alert["alert"] for alert in alerts()}
    assert {rule["health"] for rule in group["rules"]} == {"ok"}, group
    expected = {"MailroomUnknownAnswers"}  # the fixture has had one
    assert {rule["name"] for rule in group["rules"] if rule["state"] != "inactive"} <= expected

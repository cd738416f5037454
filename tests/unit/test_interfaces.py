"""docs/interfaces.md says what is built: its tables against the code."""

import ast
import re
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest
import yaml

from bot.mailer.readiness.rules import Blocker, Confirmation, SendWarning
from bot.settings import Settings
from handlers.cli.commands import COMMANDS
from storage import states
from tests.databases import Clock
from tests.unit.http.test_rate_limit import NoTokens, everything, unlimited

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "interfaces.md").read_text()
LISTS = {
    "mailer `access`": states.Access,
    "mailer `production`": states.Production,
    "mailer `sending`": states.Sending,
    "mailer `sign_in`": states.SignIn,
    "identity `kind`": states.IdentityKind,
    "identity `dmarc`": states.DmarcState,
    "identity `state`": states.IdentityState,
    "incident `kind`": states.IncidentKind,
    "incident `state`": states.IncidentState,
    "team `approval`": states.ApprovalRule,
    "team `keep_recipients`": states.KeepRecipients,
    "team `heading_font`": states.HeadingFont,
    "send `kind`": states.SendKind,
    "broadcast `state`": states.BroadcastState,
    "broadcast `paused_for`": states.PauseReason,
    "broadcast `content`": states.Content,
    "chunk `state`": states.ChunkState,
    "delivery `state`": states.DeliveryState,
    "suppression `reason`": states.SuppressionReason,
    "token `scopes`": states.TokenScope,
    "poll `kind`": states.PollKind,
    "blockers, most basic first": Blocker,
    "warnings": SendWarning,
    "confirmations": Confirmation,
}


def table(first: str) -> list[list[str]]:
    """The rows of every table whose first column is headed so."""
    found = re.findall(rf"^\| {re.escape(first)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert found, first
    return [[cell.strip() for cell in line.strip().strip("|").split(" |")] for line in "".join(found).splitlines()]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def words_of(command: str) -> list[str]:
    (row,) = (row for row in table("command") if row[0] == f"`{command}`")
    return quoted(row[1])


@cache
def texts() -> set[str]:
    """Every text that stands in what Slack shows."""
    trees = (ast.parse(path.read_text()) for path in (ROOT / "handlers" / "slack").rglob("*.py"))
    constants = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def test_the_settings_are_all_there_with_their_defaults() -> None:
    stated = {row[0].strip("`"): row[1].strip("`") for row in table("name")}

    def default(value: object) -> str:
        return "" if not isinstance(value, str | int | float) else f"{value}"

    assert stated == {name.upper(): default(field.default) for name, field in Settings.model_fields.items()}


def test_the_routes_are_all_there(clock: Clock) -> None:
    routes = everything(NoTokens(), clock, unlimited(clock)).router.routes()
    served = {
        f"{route.method} {route.resource.canonical}" for route in routes if route.resource and route.method != "HEAD"
    }

    assert sorted(quoted(row[0])[0] for row in table("route")) == sorted(served)


def test_every_closed_list_is_there_in_its_order() -> None:
    rows = {row[0]: row[1] for heading in ("list", "codes") for row in table(heading)}

    assert rows.keys() == LISTS.keys()
    for name, values in LISTS.items():
        assert quoted(rows[name].partition(".")[0]) == [value.value for value in values], name
    known = {kind for kind in vars(states).values() if isinstance(kind, type) and issubclass(kind, StrEnum)}
    assert known - {StrEnum} <= {*LISTS.values()}
    assert [quoted(row[0])[0] for row in table("a broadcast waits for")] == [
        reason.value for reason in states.PauseReason
    ]


@pytest.mark.parametrize("row", table("where"), ids=lambda row: row[0])
def test_every_label_is_shown_somewhere(row: list[str]) -> None:
    wanted = {*quoted(row[1]), *re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", row[0])}

    assert wanted - texts() == set()


def test_the_words_of_the_commands_and_the_scopes_are_all_there() -> None:
    trees = [ast.parse(path.read_text()) for path in (ROOT / "handlers" / "slack").rglob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    words = {
        ast.literal_eval(call.args[0])
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Subcommand"
    }
    manifest = yaml.safe_load((ROOT / "manifest.yml").read_text())

    assert {*words_of("/mailer"), *words_of("/broadcast")} == words - {""}
    stated = PAGE.partition("The scopes of the app: ")[2].partition(". ")[0]
    assert sorted(quoted(stated)) == sorted(manifest["oauth_config"]["scopes"]["bot"])


def test_the_commands_of_the_repository_are_all_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = ["python app.py" if name == "run" else f"python app.py {name}" for name in COMMANDS]
    stated = [quoted(row[0])[0] for row in table("command")]

    assert {one for one in stated if one.startswith("make ")} == {f"make {name}" for name in targets}
    named = [" ".join(one.split()[:3]) for one in stated if one.startswith("python ")]  # without what follows the name
    assert list(dict.fromkeys(named)) == commands

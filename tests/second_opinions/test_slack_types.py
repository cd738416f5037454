"""Slack's own types (npm `@slack/types`) look at every view and message of the suite: here, that they can say no."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.playground.slack.slack_types import SCHEMA, type_problems
from tests.second_opinions.emulate import HERE, NODE

TEXT = {"type": "plain_text", "text": "Connect"}
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Hello*", "verbatim": True}}
MODAL: dict[str, Any] = {"type": "modal", "title": TEXT, "blocks": [SECTION]}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("message", [SECTION]),
        ("message", [{"type": "actions", "elements": [{"type": "button", "action_id": "a", "text": TEXT}]}]),
        ("modal", MODAL),
        ("home", {"type": "home", "blocks": [SECTION]}),
    ],
)
def test_what_slack_documents_fits(kind: str, value: Any) -> None:
    assert type_problems(kind, value) == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("message", [{**SECTION, "txt": TEXT}]),  # a member that Slack does not know
        ("message", [{"type": "actions", "elements": [{"type": "button", "action_id": "a"}]}]),  # one that is missing
        ("message", [{**SECTION, "text": {"type": "mrkdwn", "text": 7}}]),  # one of another kind
        ("message", [{"type": "sections", "text": TEXT}]),  # a block that there is not
        ("modal", {**MODAL, "title": "Connect"}),
        ("home", MODAL),
    ],
)
def test_what_slack_does_not_know_does_not(kind: str, value: Any) -> None:
    assert type_problems(kind, value)


@pytest.mark.skipif(
    not NODE.exists(), reason="Slack's types are not there: no `npm ci` was run in tests/second_opinions"
)
async def test_the_schema_is_what_slacks_types_say(tmp_path: Path) -> None:
    """Made again from the types that package-lock.json pins, it is the file that is checked in."""
    for name in ("package.json", "slack_types.ts", "tsconfig.json"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    npm = await asyncio.create_subprocess_exec("npm", "run", "--silent", "schema", cwd=tmp_path)

    assert await npm.wait() == 0
    assert (tmp_path / SCHEMA.name).read_text() == SCHEMA.read_text()

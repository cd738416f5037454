from __future__ import annotations

import re
from typing import Any

import pytest

from tests.playground.slack.blocks import MESSAGE_CHARACTERS, characters_of_message, check_message, check_view

from .block_corpus import INVALID, VALID, message
from .second_opinions import blockkit_refuses, slackblocks_refuses
from .slack_app import section

Json = dict[str, Any]


def problems(payload: Json) -> list[str]:
    return check_view(payload, payload["type"]) if "type" in payload else check_message(payload["blocks"])


@pytest.mark.parametrize("name", VALID)
def test_what_slack_takes_is_taken(name: str) -> None:
    assert problems(VALID[name]) == []


@pytest.mark.parametrize("name", VALID)
def test_the_libraries_take_it_too(name: str) -> None:
    assert not blockkit_refuses(VALID[name])
    assert not slackblocks_refuses(VALID[name])


@pytest.mark.parametrize("name", INVALID)
def test_what_slack_refuses_is_refused_with_a_pointer(name: str) -> None:
    found = problems(INVALID[name])
    assert found
    for problem in found:
        assert re.fullmatch(r"\[ERROR\] .+ \[json-pointer:(/blocks|/view)(/\w+)*\]", problem)


def test_the_libraries_find_nothing_that_is_missed_here() -> None:
    by_blockkit = {name for name, payload in INVALID.items() if blockkit_refuses(payload)}
    by_slackblocks = {name for name, payload in INVALID.items() if slackblocks_refuses(payload)}
    ours = {name for name, payload in INVALID.items() if problems(payload)}
    print(
        f"invalid payloads {len(INVALID)}, refused: playground {len(ours)}, blockkit {len(by_blockkit)}, "
        f"slackblocks {len(by_slackblocks)}, both libraries together {len(by_blockkit | by_slackblocks)}"
    )
    assert len(INVALID) >= 46
    assert len(by_blockkit | by_slackblocks) > len(INVALID) * 0.8
    assert by_blockkit | by_slackblocks <= ours


def test_the_text_of_a_whole_message_is_counted() -> None:
    blocks = message(*[section("x" * 2200)] * 6)["blocks"]
    assert characters_of_message(blocks) == 6 * 2200 == MESSAGE_CHARACTERS
    rich = {"type": "rich_text_section", "elements": [{"type": "text", "text": "yy"}]}
    assert characters_of_message([{"type": "rich_text", "elements": [rich]}]) == 2

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.playground.slack.blocks import MESSAGE_CHARACTERS, characters_of_message, check_message, check_view

from .block_corpus import INVALID, VALID, message, rich
from .second_opinions import blockkit_refuses, slackblocks_refuses
from .slack_app import field, modal, plain, section

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


@pytest.mark.parametrize(
    "element",
    [
        {"type": "user", "user_id": "U1", "style": {"unlink": False}},
        {"type": "link", "url": "https://x.io", "is_slack_url": False},
        {"type": "emoji", "name": "acme-logo", "display_team_id": "T1"},
    ],
)
def test_an_input_begins_with_less_than_a_message_holds(element: Json) -> None:
    begins = rich({"type": "rich_text_section", "elements": [element]})
    form = modal(
        "New",
        field("Message", "m", {"type": "rich_text_input", "action_id": "a", "initial_value": begins}),
        submit=plain("Next"),
    )

    (problem,) = check_view(form, "modal")
    assert "invalid additional property" in problem


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


BLOCK_KIT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["section", "actions", "button"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "options", "blocks", "title"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(BLOCK_KIT)
def test_no_json_whatever_breaks_the_checks(value: Any) -> None:
    assert isinstance(check_message(value), list)
    assert check_view(value, "modal")
    assert isinstance(check_view({"type": "home", "blocks": value}, "home"), list)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*path, name)
        yield from places(part, (*path, name))


def damaged(payload: Json, path: tuple[Any, ...], how: str) -> Json:
    """A copy of a payload with one thing wrong at one place."""
    copy: Json = json.loads(json.dumps(payload))
    holder: Any = copy
    for step in path[:-1]:
        holder = holder[step]
    old = holder[path[-1]]
    if how == "missing":
        del holder[path[-1]]
    else:
        long = old * 5000 if isinstance(old, str) else old * 101 if isinstance(old, list) else -1
        holder[path[-1]] = {"null": None, "number": 5, "text": "x", "long": long}[how]
    return copy


@given(st.data())
@settings(max_examples=400, derandomize=True)
def test_a_damaged_payload_that_a_library_refuses_is_refused_here_too(data: st.DataObject) -> None:
    payload = VALID[data.draw(st.sampled_from(sorted(VALID)))]
    path = data.draw(
        st.sampled_from(sorted((p for p in places(payload) if p[-1] != "blocks" and "filetypes" not in p), key=str))
    )
    broken = damaged(payload, path, data.draw(st.sampled_from(["missing", "null", "number", "text", "long"])))
    if broken.get("type") != payload.get("type") or not broken["blocks"] or problems(broken):
        return
    # slackblocks alone wants an action_id everywhere, and words in every rich text section
    stricter_than_slack = path[-1] == "action_id" or '"elements": []' in json.dumps(broken)
    assert stricter_than_slack or not slackblocks_refuses(broken)
    assert not blockkit_refuses(broken)


def test_the_text_of_a_whole_message_is_counted() -> None:
    blocks = message(*[section("x" * 2200)] * 6)["blocks"]
    assert characters_of_message(blocks) == 6 * 2200 == MESSAGE_CHARACTERS
    rich = {"type": "rich_text_section", "elements": [{"type": "text", "text": "yy"}]}
    assert characters_of_message([{"type": "rich_text", "elements": [rich]}]) == 2

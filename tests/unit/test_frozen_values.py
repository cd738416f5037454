"""What is stored, sent out or typed by an operator keeps its name: it is held against a list from before."""

import ast
import json
import re
import typing
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlmodel import SQLModel

from bot.alerts.outbox import Notice
from bot.mailer.readiness import rules
from bot.settings import Settings
from handlers.slack import ids
from storage import states
from storage.audit import Action

ROOT = Path(__file__).parents[2]
FROZEN: dict[str, Any] = json.loads((Path(__file__).parent / "frozen_values.json").read_text())


def enums(module: ModuleType) -> dict[str, list[str]]:
    own = (each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__)
    return {each.__name__: [str(member.value) for member in each] for each in own if issubclass(each, StrEnum)}


def sources() -> Iterable[str]:
    return (file.read_text() for top in ("bot", "handlers", "storage") for file in (ROOT / top).rglob("*.py"))


def called(pattern: str) -> list[str]:
    return [
        " ".join(found) if isinstance(found, tuple) else found
        for text in sources()
        for found in re.findall(pattern, text)
    ]


def strings() -> set[str]:
    return {
        node.value
        for text in sources()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


TODAY: dict[str, Callable[[], Any]] = {
    "states": lambda: enums(states),
    "readiness": lambda: enums(rules),
    "ids": lambda: enums(ids),
    "audit actions": lambda: typing.get_args(Action),
    "outbox kinds": lambda: [each.value for each in Notice],
    "settings": lambda: list(Settings.model_fields),
    "tables": lambda: {
        table.name: [column.name for column in table.columns] for table in SQLModel.metadata.sorted_tables
    },
    "routes": lambda: called(r'Route\(\s*"(\w+)",\s*"([^"]+)"'),
    "codes": strings,
    "template keys": lambda: called(r'stored\["(\w+)"\]'),
}


@pytest.mark.parametrize("kind", sorted(FROZEN))
def test_a_value_that_others_know_is_still_there(kind: str) -> None:
    today: Any = TODAY[kind]()
    if isinstance(FROZEN[kind], dict):
        gone = {name: set(values) - set(today.get(name, ())) for name, values in FROZEN[kind].items()}
        assert {name: values for name, values in gone.items() if values} == {}
    else:
        assert set(FROZEN[kind]) - set(today) == set()

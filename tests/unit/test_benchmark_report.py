from typing import Any
from xml.etree import ElementTree as ET

from tests.benchmarks import report


def _row(name: str, value: float = 1.0, **more: Any) -> dict[str, Any]:
    empty = {"bench": "b", "unit": "ms", "floor": None, "ratio": None, "target": "at most 2", "pass": True}
    return {**empty, "name": name, "value": value, **more}


def _growth() -> list[dict[str, Any]]:
    points = [("recipients", 1000), ("recipients", 1_000_000), ("columns", 1), ("columns", 300), ("teams", 40)]
    names = [f"growth.{axis}.{at}" for axis, at in points]
    return [_row(each, 12.5, target="") for name in names for each in (name, f"{name}.memory")]


def test_a_block_is_made_anew_and_the_rest_stays() -> None:
    page = "Before.\n<!-- measured -->\nold\n<!-- end of measured -->\nAfter.\n"

    made = report.filled(page, [_row("start", 3.5), _row("versus.boto3.rate", 9, target="")])

    assert made.startswith("Before.\n<!-- measured -->\n```\n")
    assert made.endswith("```\n<!-- end of measured -->\nAfter.\n")
    assert "start" in made
    assert "old" not in made
    assert "versus.boto3.rate" not in made
    assert report.filled(made, [_row("start", 3.5)]) == made


def test_every_block_of_the_pages_is_one_that_is_made() -> None:
    pages = report.PAGE.read_text() + report.README.read_text()
    for name in report.BLOCKS:
        assert f"<!-- {name} -->" in pages
    assert pages.count("<!-- end of ") == len(report.BLOCKS) + 1  # one of them is in both


def test_a_missed_target_is_explained_or_named() -> None:
    page = "# P\n`b` is measured.\n## What is missed\n- `a`: this is why.\n"

    rows = [_row("a", **{"pass": False}), _row("b", **{"pass": False}), _row("c")]

    assert report.unexplained(page, rows) == ["b"]


def test_the_picture_shows_every_point() -> None:
    drawn = ET.fromstring(report.picture(_growth()))  # noqa: S314 - our own

    circles = [each for each in drawn.iter() if each.tag.endswith("circle")]
    assert len(circles) == len(_growth())


def test_the_peers_are_told_with_what_they_do_not_do() -> None:
    whats = ("rate", "cpu", "twice", "lost")
    ours = [_row(f"versus.{what}", 5) for what in whats]
    peers = [
        _row(f"versus.{name}.{what}", 7, target="") for name in ("boto3", "anymail", "anymail_bulk") for what in whats
    ]

    table = report.versus([*ours, *peers])

    assert "| **Mailroom** | 5 | 5 | 5 | 5 | known, each | |" in table
    assert table.count("not known") == 3

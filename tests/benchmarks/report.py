"""The tables of docs/performance.md and README.md, and the picture, made from benchmarks.json.

`python -m tests.benchmarks.report` writes what stands between `<!-- NAME -->` and `<!-- end of NAME -->`. It fails
where a target is missed of which docs/performance.md does not say, under *What is missed*, why, and what comes next.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS, PAGE, README = ROOT / "benchmarks.json", ROOT / "docs" / "performance.md", ROOT / "README.md"
PICTURE = ROOT / "docs" / "pictures" / "growth.svg"
_MISSED = "## What is missed"
_PEERS = {
    "boto3": ("a boto3 loop with tenacity", "no list of its own, no bounces, no pause, no report"),
    "anymail": ("django-anymail, one mail a recipient", "the same; events of bounces come as signals"),
    "anymail_bulk": (
        "django-anymail, stored template in bulk",
        "the same; what failed of a call is in its return value",
    ),
}
_WIDTHS = (34, 10, 40, 10, 7, 22, 6)
Row = dict[str, Any]


def number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def line(*cells: str) -> str:
    return " ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


def of_row(row: Row) -> str:
    value, floor, ratio = (number(row[name]) for name in ("value", "floor", "ratio"))
    return line(row["name"], value, row["unit"], floor, ratio, row["target"], "" if row["pass"] else "MISSED")


def measured(rows: Sequence[Row]) -> str:
    head = line("", "value", "unit", "floor", "ratio", "target", "")
    return "\n".join(["```", head, *(of_row(row) for row in rows if row["target"]), "```"])


def versus(rows: Sequence[Row]) -> str:
    found = {row["name"]: row for row in rows}
    if "versus.rate" not in found:
        return "Not measured."
    columns = (
        "",
        "recipients a second",
        "µs CPU a recipient",
        "killed and begun again: mailed twice",
        "killed and left alone: not mailed",
        "who was mailed",
        "what it does not do",
    )
    head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    ours = [number(found[f"versus.{name}"]["value"]) for name in ("rate", "cpu", "twice", "lost")]
    table = [*head, f"| **Mailroom** | {' | '.join(ours)} | known, each | |"]
    for name, (title, lacks) in _PEERS.items():
        values = [number(found[f"versus.{name}.{what}"]["value"]) for what in ("rate", "cpu", "twice", "lost")]
        table.append(f"| {title} | {' | '.join(values)} | not known | {lacks} |")
    return "\n".join(table)


def choices(rows: Sequence[Row]) -> str:
    notes = {row["name"].split(".")[1]: row["note"] for row in rows if row.get("bench") == "versus" and row.get("note")}
    titles = {"known": "Mailroom", **{name: title for name, (title, _) in _PEERS.items()}}
    return "\n".join(f"- {titles[name]}: {note}." for name, note in notes.items()) or "Not measured."


def scale(rows: Sequence[Row]) -> str:
    wanted = [row for row in rows if row["name"].startswith("scale.")]
    table = [f"| {row['name'].removeprefix('scale.')} | {number(row['value'])} | {row['unit']} |" for row in wanted]
    return "\n".join(["| | | |", "|---|---|---|", *table]) if table else "Not measured."


def growth(rows: Sequence[Row]) -> str:
    drawn = "![CPU and memory a recipient as recipients, columns and teams grow](pictures/growth.svg)"
    return drawn if any(row["name"].startswith("growth.") for row in rows) else "Not measured."


BLOCKS: dict[str, Callable[[Sequence[Row]], str]] = {
    "measured": measured,
    "versus": versus,
    "choices": choices,
    "growth": growth,
    "scale": scale,
}


def filled(text: str, rows: Sequence[Row]) -> str:
    """Return a page with its blocks made anew."""
    for name, make in BLOCKS.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        made = f"{make(rows)}\n" if between.search(text) else ""
        text = between.sub(lambda found, made=made: f"{found[1]}{made}{found[2]}", text)  # type: ignore[misc]
    return text


def unexplained(page: str, rows: Sequence[Row]) -> list[str]:
    """Return the targets that are missed and not spoken of."""
    said = page.partition(_MISSED)[2].partition("\n## ")[0]
    return [row["name"] for row in rows if not row["pass"] and f"`{row['name']}`" not in said]


_AXES = (
    ("recipients", "recipients (3 columns, 1 team)"),
    ("columns", "columns (10,000 recipients)"),
    ("teams", "teams (1,000 recipients each)"),
)
_WIDTH, _HEIGHT, _EDGE = 300, 200, 44


def picture(rows: Sequence[Row]) -> str:
    """Draw CPU (a line of dots) and memory at the peak (open dots) a recipient along each axis."""
    panels = [_panel(at, title, _points(rows, axis)) for at, (axis, title) in enumerate(_AXES)]
    size = f'width="{len(_AXES) * _WIDTH}" height="{_HEIGHT + 30}"'
    style = (
        "<style>text{font:11px sans-serif;fill:#777} .c{fill:none;stroke:#36c} .d{fill:#36c} "
        ".m{fill:none;stroke:#c63} .n{fill:#b63;text-anchor:end}</style>"
    )
    legend = (
        f'<text x="{_EDGE}" y="{_HEIGHT + 22}">blue: µs CPU a recipient; orange: MiB at the peak; each from 0</text>'
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{style}{"".join(panels)}{legend}</svg>\n'


def _points(rows: Sequence[Row], axis: str) -> list[tuple[int, float, float]]:
    cpu = {row["name"]: row["value"] for row in rows if row["name"].startswith(f"growth.{axis}.")}
    ats = sorted({int(name.split(".")[2]) for name in cpu})
    return [(at, cpu[f"growth.{axis}.{at}"], cpu[f"growth.{axis}.{at}.memory"]) for at in ats]


def _panel(panel: int, title: str, points: Sequence[tuple[int, float, float]]) -> str:
    left, right = panel * _WIDTH + _EDGE, (panel + 1) * _WIDTH - 16
    drawn = [f'<text x="{left}" y="14">{title}</text>']
    most = [max((point[which] for point in points), default=1) * 1.1 for which in (1, 2)]
    step = (right - left - 50) / max(1, len(points) - 1)
    places = []
    for at, (x_value, cpu, memory) in enumerate(points):
        x = left + 20 + at * step
        y_cpu, y_memory = (
            _HEIGHT - 20 - (_HEIGHT - 50) * value / top for value, top in zip((cpu, memory), most, strict=True)
        )
        places.append(f"{x:.0f},{y_cpu:.0f}")
        drawn += [
            f'<circle class="d" cx="{x:.0f}" cy="{y_cpu:.0f}" r="3"/>',
            f'<text x="{x + 5:.0f}" y="{y_cpu - 5:.0f}">{cpu:,.0f}</text>',
            f'<circle class="m" cx="{x:.0f}" cy="{y_memory:.0f}" r="4"/>',
            f'<text class="n" x="{x - 7:.0f}" y="{y_memory + 4:.0f}">{memory:,.0f}</text>',
        ]
        drawn.append(f'<text x="{x - 8:.0f}" y="{_HEIGHT - 4}">{x_value:,}</text>')
    return "".join([*drawn, f'<polyline class="c" points="{" ".join(places)}"/>'])


def main() -> int:
    rows: list[Row] = json.loads(RESULTS.read_text())
    for page in (PAGE, README):
        page.write_text(filled(page.read_text(), rows))
    if any(row["name"].startswith("growth.") for row in rows):
        PICTURE.write_text(picture(rows))
    missing = unexplained(PAGE.read_text(), rows)
    if missing:
        print(f"docs/performance.md says nothing, under *What is missed*, of {', '.join(missing)}.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

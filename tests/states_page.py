"""`docs/states.md`, drawn from the tables of `storage/transitions.py`. `python -m tests.states_page` writes it."""

from collections.abc import Collection
from pathlib import Path

from storage import transitions
from storage.transitions import Transition

PAGE = Path(__file__).parents[1] / "docs" / "states.md"
_HEAD = """# States, and how things move between them

Drawn from the tables in `storage/transitions.py`; `python -m tests.states_page` writes it again. A session that writes
refuses every other move, and its transaction is rolled back.
"""
_BEGINS = {
    "Broadcast": "draft",
    "Chunk": "calling",
    "Delivery": "pending",
    "Identity": "pending",
    "Incident": "open",
}
_WHAT = {
    "Broadcast": "What somebody sends to an audience, or as a test.",
    "Chunk": "One call of SendBulkEmail.",
    "Delivery": "One recipient of one broadcast. Over a broadcast these add up to its audience at every moment.",
    "Identity": "An address or a domain to send from. What AWS says is taken over, whatever it was before.",
    "Incident": "One thing that is wrong, from its first sight to its end. The same thing later is another incident.",
}


def page() -> str:
    parts = [_HEAD]
    for model, table in transitions.TABLES.items():
        parts.append(_section(model.__name__, table))
    return "\n".join(parts)


def _section(name: str, table: Collection[Transition]) -> str:
    arrows = [f"    {source} --> {each.target}" for each in table for source in sorted(each.sources)]
    rows = [f"| {_names(each)} | `{each.target}` | {each.who} | {each.why} |" for each in table]
    diagram = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_BEGINS[name]}", *arrows, "```"]
    return "\n".join(
        [f"## {name}", "", _WHAT[name], "", *diagram, "", "| from | to | who | why |", "|---|---|---|---|", *rows, ""]
    )


def _names(each: Transition) -> str:
    return " ".join(f"`{source}`" for source in sorted(each.sources))


if __name__ == "__main__":
    PAGE.write_text(page())

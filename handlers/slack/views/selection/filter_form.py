"""*Only those where*: up to five lines, each a column, how it is compared, and with what."""

from collections.abc import Sequence
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    DividerBlock,
    InputBlock,
    OptionGroup,
    PlainTextObject,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.broadcast.audience.selection.filter import MOST_LINES, VALUE_LIMIT, Condition, Filter, Match, Operator
from handlers.slack import ids
from handlers.slack.views.blocks import context, field, form, labelled, menu, options_of, radio

FILTER_TITLE: Final = "Only those where"
_GROUP = 100  # options
_VALUE = 150  # characters of an option's value, which is Slack's limit
_LABELS = (
    ("Column 1", "Operator 1", "Value 1"),
    ("Column 2", "Operator 2", "Value 2"),
    ("Column 3", "Operator 3", "Value 3"),
    ("Column 4", "Operator 4", "Value 4"),
    ("Column 5", "Operator 5", "Value 5"),
)
_MATCHES = {Match.ALL: "All", Match.ANY: "Any"}


def filter_form(ref: ids.Ref, where: Filter | None, columns: Sequence[str]) -> View:
    """`columns` are those of the audience; none: they are not known yet."""
    lines = where.lines if where else ()
    match = where.match if where else Match.ALL
    hint = "Whether a row must meet all lines below, or any of them."
    blocks: list[Block] = [radio(ids.Input.MATCH, "Match", _MATCHES, match, hint=hint)]
    for number in range(1, MOST_LINES + 1):
        blocks += _line(number, lines[number - 1] if number <= len(lines) else None, columns)
    blocks.append(context("Lines that stay empty count for nothing. With none, everybody in the audience is meant."))
    return form(ids.Form.FILTER, FILTER_TITLE, blocks, submit="Apply", ref=ref)


def _line(number: int, line: Condition | None, columns: Sequence[str]) -> list[Block]:
    operators = {op: op.words for op in Operator}
    column_label, operator_label, value_label = _LABELS[number - 1]
    hint = "A date like 2026-06-01, a number like 12.5, or text; “is empty” takes none." if number == 1 else ""
    return [
        DividerBlock(),
        _column(number, column_label, line.column if line else "", columns),
        menu(ids.Input(f"operator_{number}"), operator_label, operators, line.op if line else None, optional=True),
        field(
            ids.Input(f"value_{number}"),
            value_label,
            initial=line.value if line else "",
            hint=hint,
            optional=True,
            max_length=VALUE_LIMIT,
        ),
    ]


def _column(number: int, label: str, chosen: str, columns: Sequence[str]) -> InputBlock:
    """Offer the columns that are known, and the one that is chosen, though it may be there no more."""
    name = ids.Input(f"column_{number}")
    offered = [column for column in dict.fromkeys([*columns, *([chosen] if chosen else [])]) if len(column) <= _VALUE]
    if not columns or (chosen and chosen not in offered):
        hint = "Its title in the file. With an audience chosen before, there is a menu." if number == 1 else ""
        return field(name, label, initial=chosen, hint=hint, optional=True, max_length=1000)
    options = options_of({column: column for column in offered})
    groups = [
        OptionGroup(
            label=PlainTextObject(text=f"Columns {start + 1} to {min(start + _GROUP, len(offered))}"),
            options=[options[column] for column in offered[start : start + _GROUP]],
        )
        for start in range(0, len(offered), _GROUP)
    ]
    element = StaticSelectElement(
        action_id=name,
        options=groups[0].options if len(groups) == 1 else None,
        option_groups=groups if len(groups) > 1 else None,
        initial_option=options.get(chosen),
    )
    return labelled(name, label, element, optional=True)

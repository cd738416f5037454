"""*Only those where*: what is typed becomes a filter, or says in its field what it lacks."""

from typing import Any

import pytest

from bot.broadcast.audience.selection.filter import Condition, Filter, Match, Operator
from bot.errors import BotError
from handlers.slack.dispatch.interaction import Values
from handlers.slack.flows.selection.filter_form import filter_in
from handlers.slack.ids import Ref
from handlers.slack.views.selection.filter_form import filter_form

MENUS = ("match", "operator")


def typed(**fields: str) -> Values:
    def element(name: str, text: str) -> dict[str, Any]:
        is_menu = name.startswith(MENUS)
        return {name: {"selected_option": {"value": text}} if is_menu else {"value": text}}

    return Values({"values": {name: element(name, text) for name, text in fields.items()}})


def test_lines_that_stay_empty_count_for_nothing() -> None:
    values = typed(
        match="any", column_2="plan", operator_2="is_not", value_2=" pro ", column_5="age", operator_5="is_empty"
    )

    assert filter_in(values) == Filter(
        Match.ANY, (Condition("plan", Operator.IS_NOT, "pro"), Condition("age", Operator.IS_EMPTY))
    )
    assert filter_in(typed(match="all", column_1=" ")) is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"value_2": "pro"}, "column_2"),
        ({"operator_3": "is"}, "column_3"),
        ({"column_1": "plan"}, "operator_1"),
        ({"column_4": "plan", "operator_4": "is"}, "value_4"),
        ({"column_4": "plan", "operator_4": "is_empty", "value_4": "pro"}, "value_4"),
        ({"column_5": "since", "operator_5": "after", "value_5": "June"}, "value_5"),
        (
            {"column_2": "plan", "operator_2": "is", "value_2": "a", "column_4": "tier", "operator_4": "is_empty"},
            "column_4",
        ),
    ],
)
def test_a_line_that_lacks_something_says_so_in_its_field(fields: dict[str, str], field: str) -> None:
    with pytest.raises(BotError) as refused:
        filter_in(typed(**fields), ["email", "plan", "since"])

    assert refused.value.field == field
    assert refused.value.sentence


def test_three_hundred_columns_fit_into_the_menus_and_one_that_went_away_is_among_them() -> None:
    where = Filter(Match.ALL, (Condition("gone", Operator.IS_EMPTY),))
    view = filter_form(Ref("t", "r", 1, "f"), where, [f"c{number}" for number in range(300)]).to_dict()

    (column,) = (block["element"] for block in view["blocks"] if block.get("block_id") == "column_1")
    assert [len(group["options"]) for group in column["option_groups"]] == [100, 100, 100, 1]
    assert column["initial_option"]["value"] == "gone"
    assert len(view["blocks"]) <= 100
    assert Ref.read(view["private_metadata"]) == Ref("t", "r", 1, "f")

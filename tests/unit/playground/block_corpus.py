"""Messages, modals and home tabs that Slack documents as valid or invalid, for our checks and the second opinions."""

from __future__ import annotations

from typing import Any

from .slack_app import CONFIRM, actions, button, choices, field, modal, plain, section

Json = dict[str, Any]
OK = plain("OK")


def message(*blocks: Any) -> Json:
    return {"blocks": list(blocks)}


def home(*blocks: Any, **more: Any) -> Json:
    return {"type": "home", "blocks": list(blocks), **more}


def form(element: Json, **more: Any) -> Json:
    return modal("Form", field("Label", "b", element, **more), submit=OK)


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def option(text: str, value: str = "v", **more: Any) -> Json:
    return {"text": plain(text), "value": value, **more}


def select(*options: Json, **more: Any) -> Json:
    return {"type": "static_select", "action_id": "a", "options": list(options), **more}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def words(text: str, **more: Any) -> Json:
    return {"type": "rich_text_section", "elements": [{"type": "text", "text": text, **more}]}


def image(**more: Any) -> Json:
    return {"type": "image", **more}


def text_input(**more: Any) -> Json:
    return {"type": "plain_text_input", "action_id": "a", **more}


def numbered(count: int, **more: Any) -> list[Json]:
    return [option(f"Option {n}", f"v{n}", **more) for n in range(count)]


PICTURE = image(image_url="https://example.com/a.png", alt_text="A chart")
NO_TITLE = {name: value for name, value in CONFIRM.items() if name != "title"}

VALID: dict[str, Json] = {
    "a card": message(
        {"type": "header", "text": plain("Mailer")},
        section("*Access* ok"),
        {"type": "section", "fields": [mrkdwn("*Sent*\n12"), plain("of 200")]},
        {"type": "divider"},
        actions(button("Check now", "check", value="1", style="primary"), button("Docs", "docs", url="https://x.io")),
        {"type": "context", "elements": [mrkdwn("seen _now_"), PICTURE]},
    ),
    "everything at its limit": message(
        {"type": "header", "text": plain("h" * 150)},
        section("s" * 3000),
        {"type": "section", "fields": [mrkdwn("f" * 800)] * 10},
        actions(*(button("b" * 75, f"a{n}") for n in range(25))),
        {"type": "context", "elements": [plain("c")] * 10},
    ),
    "fifty blocks": message(*[{"type": "divider"}] * 50),
    "a dangerous button": message(actions(button("Delete", "d", style="danger", confirm=CONFIRM))),
    "an accessory": message({**section("Pick"), "accessory": select(option("One"), option("Two", "w"))}),
    "an overflow menu": message(actions({"type": "overflow", "action_id": "o", "options": numbered(5)})),
    "rich text": message(
        rich(
            words("Hello", style={"bold": True}),
            {"type": "rich_text_list", "style": "bullet", "elements": [words("one"), words("two")]},
            {"type": "rich_text_quote", "elements": [{"type": "link", "url": "https://x.io", "text": "there"}]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "code"}]},
        )
    ),
    "an image": message({**PICTURE, "title": plain("Chart")}),
    "a slack file": message(image(slack_file={"url": "https://x.io/F1"}, alt_text="A chart")),
    "a form": modal(
        "Connect Amazon SES",
        section("Ask for a key made for this alone."),
        field("Region", "r", select(option("eu-west-1"), initial_option=option("eu-west-1"))),
        field("Sign in with", "k", choices("radio_buttons", "a", "Role", "Key"), dispatch_action=True),
        field("Key", "s", text_input(max_length=40, placeholder=plain("AKIA…")), hint=plain("From IAM"), optional=True),
        submit=plain("Connect"),
        close=plain("Cancel"),
        callback_id="c",
        private_metadata="m" * 3000,
        notify_on_close=True,
    ),
    "a broadcast form": modal(
        "New broadcast",
        field("Message", "m", {"type": "rich_text_input", "action_id": "a", "initial_value": rich(words("Hi"))}),
        field("Send at", "t", {"type": "datetimepicker", "action_id": "a", "initial_date_time": 1900000000}),
        field("CSV", "f", {"type": "file_input", "action_id": "a", "filetypes": ["csv"], "max_files": 1}),
        field("Days", "d", choices("checkboxes", "a", "Mon", "Tue")),
        field("Count", "n", {"type": "number_input", "action_id": "a", "is_decimal_allowed": False, "min_value": "1"}),
        field("Email", "e", {"type": "email_text_input", "action_id": "a"}),
        field("Site", "u", {"type": "url_text_input", "action_id": "a"}),
        field("Who", "w", {"type": "multi_users_select", "action_id": "a", "max_selected_items": 3}),
        submit=OK,
    ),
    "option groups": form(
        {
            "type": "static_select",
            "action_id": "a",
            "option_groups": [{"label": plain("G"), "options": numbered(3)}],
        }
    ),
    "a modal to look at": modal("Checking", section("One moment.")),
    "a home tab": home(section("Dashboard"), actions(button("Refresh", "r"))),
    "the same action in two blocks": message(actions(button("A", "go")), actions(button("B", "go"))),
}

INVALID: dict[str, Json] = {
    "51 blocks": message(*[{"type": "divider"}] * 51),
    "101 blocks in a modal": modal("Form", *[{"type": "divider"}] * 101),
    "101 blocks in a home tab": home(*[{"type": "divider"}] * 101),
    "section text of 3001": message(section("x" * 3001)),
    "empty section text": message(section("")),
    "section without text or fields": message({"type": "section"}),
    "11 fields": message({"type": "section", "fields": [mrkdwn("f")] * 11}),
    "field of 2001": message({"type": "section", "fields": [mrkdwn("f" * 2001)]}),
    "no fields at all": message({"type": "section", "fields": []}),
    "header of 151": message({"type": "header", "text": plain("h" * 151)}),
    "header in mrkdwn": message({"type": "header", "text": mrkdwn("h")}),
    "26 actions": message(actions(*(button("b", f"a{n}") for n in range(26)))),
    "no actions": message(actions()),
    "an input in actions": message(actions(text_input())),
    "11 context elements": message({"type": "context", "elements": [plain("c")] * 11}),
    "no context elements": message({"type": "context", "elements": []}),
    "a button in context": message({"type": "context", "elements": [button("b", "a")]}),
    "button text of 76": message(actions(button("b" * 76, "a"))),
    "empty button text": message(actions(button("", "a"))),
    "button text in mrkdwn": message(actions({"type": "button", "action_id": "a", "text": mrkdwn("b")})),
    "button value of 2001": message(actions(button("b", "a", value="v" * 2001))),
    "button style of its own": message(actions(button("b", "a", style="warning"))),
    "button url of 3001": message(actions(button("b", "a", url="https://x.io/" + "u" * 3000))),
    "action_id of 256": message(actions(button("b", "a" * 256))),
    "block_id of 256": message({**section("s"), "block_id": "b" * 256}),
    "action_id twice in a block": message(actions(button("A", "go"), button("B", "go"))),
    "block_id twice in a message": message({**section("s"), "block_id": "b"}, {**section("t"), "block_id": "b"}),
    "101 options": message(actions(select(*numbered(101)))),
    "no options": message(actions(select())),
    "option text of 76": message(actions(select(option("o" * 76)))),
    "option value of 151": message(actions(select(option("o", "v" * 151)))),
    "option in mrkdwn in a select": message(actions(select({"text": mrkdwn("o"), "value": "v"}))),
    "placeholder of 151": message(actions(select(option("o"), placeholder=plain("p" * 151)))),
    "initial option that is not there": message(actions(select(option("o"), initial_option=option("x", "x")))),
    "options and option groups": message(
        actions(select(option("o"), option_groups=[{"label": plain("g"), "options": [option("o")]}]))
    ),
    "6 overflow options": message(actions({"type": "overflow", "action_id": "o", "options": numbered(6)})),
    "1 overflow option": message(actions({"type": "overflow", "action_id": "o", "options": numbered(1)})),
    "11 radio buttons": form({"type": "radio_buttons", "action_id": "a", "options": numbered(11)}),
    "11 checkboxes": form({"type": "checkboxes", "action_id": "a", "options": numbered(11)}),
    "no radio buttons": form({"type": "radio_buttons", "action_id": "a", "options": []}),
    "confirm title of 101": message(actions(button("b", "a", confirm={**CONFIRM, "title": plain("t" * 101)}))),
    "confirm text of 301": message(actions(button("b", "a", confirm={**CONFIRM, "text": plain("t" * 301)}))),
    "confirm button of 31": message(actions(button("b", "a", confirm={**CONFIRM, "confirm": plain("t" * 31)}))),
    "confirm without title": message(actions(button("b", "a", confirm=NO_TITLE))),
    "modal title of 25": modal("t" * 25, section("s")),
    "modal title in mrkdwn": {**modal("t", section("s")), "title": mrkdwn("t")},
    "modal without title": {"type": "modal", "blocks": [section("s")]},
    "submit of 25": modal("t", section("s"), submit=plain("s" * 25)),
    "close of 25": modal("t", section("s"), close=plain("c" * 25)),
    "private_metadata of 3001": modal("t", section("s"), private_metadata="m" * 3001),
    "callback_id of 256": modal("t", section("s"), callback_id="c" * 256),
    "external_id of 256": modal("t", section("s"), external_id="e" * 256),
    "input without submit": modal("t", field("l", "b", text_input())),
    "modal without blocks": modal("t"),
    "label of 2001": modal("t", field("l" * 2001, "b", text_input()), submit=OK),
    "label in mrkdwn": modal("t", {"type": "input", "label": mrkdwn("l"), "element": text_input()}, submit=OK),
    "input without element": modal("t", {"type": "input", "label": plain("l")}, submit=OK),
    "input without label": modal("t", {"type": "input", "element": text_input()}, submit=OK),
    "a button as an input": form(button("b", "a")),
    "hint of 2001": form(text_input(), hint=plain("h" * 2001)),
    "min_length of 3001": form(text_input(min_length=3001)),
    "min_length above max_length": form(text_input(min_length=9, max_length=3)),
    "initial value longer than allowed": form(text_input(max_length=3, initial_value="four")),
    "number without is_decimal_allowed": form({"type": "number_input", "action_id": "a"}),
    "11 files": form({"type": "file_input", "action_id": "a", "max_files": 11}),
    "file input in a home tab": home(field("f", "b", {"type": "file_input", "action_id": "a"})),
    "file input in a message": message(field("f", "b", {"type": "file_input", "action_id": "a"})),
    "date that is none": message(actions({"type": "datepicker", "action_id": "a", "initial_date": "1990-28-04"})),
    "time that is none": message(actions({"type": "timepicker", "action_id": "a", "initial_time": "25:00"})),
    "date and time in milliseconds": form(
        {"type": "datetimepicker", "action_id": "a", "initial_date_time": 1_900_000_000_000}
    ),
    "two elements with focus": modal(
        "t",
        field("l", "b", text_input(focus_on_load=True)),
        field("m", "c", text_input(focus_on_load=True)),
        submit=OK,
    ),
    "image without alt_text": message(image(image_url="https://x.io/a.png")),
    "image with two sources": message({**PICTURE, "slack_file": {"id": "F1"}}),
    "image without source": message(image(alt_text="a")),
    "image url that is none": message(image(image_url="chart.png", alt_text="a")),
    "image title of 2001": message({**PICTURE, "title": plain("t" * 2001)}),
    "unknown block": message({"type": "banner", "text": plain("b")}),
    "unknown element": message(actions({"type": "slider", "action_id": "a"})),
    "unknown field": message({**section("s"), "color": "red"}),
    "block without type": message({"text": plain("t")}),
    "block that is a string": message("section"),
    "unknown text type": message({"type": "section", "text": {"type": "html", "text": "t"}}),
    "mrkdwn with emoji": message({"type": "section", "text": {**mrkdwn("t"), "emoji": True}}),
    "text that is a number": message({"type": "section", "text": {"type": "plain_text", "text": 5}}),
    "an input as an accessory": message({**section("s"), "accessory": text_input()}),
    "rich text without elements": message(rich()),
    "rich text of an unknown part": message(rich({"type": "rich_text_table", "elements": []})),
    "rich text list of text": message(
        rich({"type": "rich_text_list", "style": "bullet", "elements": [{"type": "text", "text": "t"}]})
    ),
    "rich text of an unknown style": message(rich(words("t", style={"blink": True}))),
    "markdown in a modal": modal("t", {"type": "markdown", "text": "# t"}),
    "two tables": message(*[{"type": "table", "rows": [[{"type": "raw_text", "text": "t"}]]}] * 2),
    "home tab with a title": home(section("s"), title=plain("t")),
    "null for an option": message(actions(button("b", "a", value=None))),
}

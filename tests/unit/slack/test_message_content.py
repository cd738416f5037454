"""What a message says, of those that apps make: attachments, markup, elements that no input takes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.broadcast.content.rich_text import inlines, read_rich_text
from handlers.slack.content.message_content import content_of
from handlers.slack.content.mrkdwn import read_mrkdwn


def said(body: dict[str, Any]) -> list[str]:
    """The text of each paragraph."""
    return ["".join(run.text for run in content) for content in inlines(read_rich_text(body))]


def test_attachments_are_read_and_what_slack_shows_of_a_link_is_not() -> None:
    attachment = {
        "pretext": "As of *today*",
        "title": "Sales",
        "title_link": "https://acme.test",
        "text": "Up by 4 %",
        "fields": [{"title": "North", "value": "7"}],
        "image_url": "https://acme.test/a.png",
        "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "More"}}],
        "actions": [{"type": "button"}, {"type": "select"}],
    }
    unfurled = {"from_url": "https://acme.test", "title": "Acme", "text": "We sell"}

    content = content_of({"text": "fallback", "attachments": [attachment, unfurled]})

    assert said(content.body) == ["As of today", "Sales", "Up by 4 %", "North\n7", "More"]
    assert content.left_out == "1 picture, 1 button, 1 select"


def test_an_element_that_no_input_takes_is_its_text_or_is_named() -> None:
    elements = [{"type": "team", "team_id": "T1"}, {"type": "citation", "text": "[1]"}, {"type": "text", "text": "Hi"}]
    block = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}

    content = content_of({"blocks": [block]})

    assert said(content.body) == ["[1]Hi"]
    assert content.left_out == "1 team"


@pytest.mark.parametrize(
    ("markup", "shown"),
    {
        "*a* _b_ ~c~": ["a b c"],
        "2*3*4, a_b_c, * a *, *a": ["2*3*4, a_b_c, * a *, *a"],
        "*a _b_ <https://x.test/a*b|c>*": ["a b c"],
        "&lt;b&gt; &amp;amp;": ["<b> &amp;"],
        "```a": ["```a"],
        "a ```b``` c ```d": ["a ", "b", " c ```d"],
        "> a\n> b\nc": ["a\nb", "c"],
        "at 10:30:45": ["at 10:30:45"],
        "<!subteam^S1|@all> <#C1|news> <@U1|ada> <!channel>": ["@S1 #C1 @U1 @channel"],
        "`<https://x.test>`": ["https://x.test"],
    }.items(),
)
def test_markup_is_read_as_slack_shows_it(markup: str, shown: list[str]) -> None:
    assert said({"elements": read_mrkdwn(markup)}) == shown


@given(st.text("ab *_~`<>|:&;\n@#!"))
def test_no_letter_of_what_an_app_wrote_is_lost(markup: str) -> None:
    written = [char for char in markup if char in "ab"]
    read = read_mrkdwn(markup)

    assert [element["type"] for element in read if not element["elements"]] == []
    if not any(sign in markup for sign in "<:&"):  # of a link its label is shown
        assert [char for text in said({"elements": read}) for char in text if char in "ab"] == written

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.playground.slack import Channel, Person, SlackPlayground, channel_html, home_html, modal_html
from tests.playground.slack.html_text import EMOJI, mrkdwn
from tests.playground.slack.mrkdwn import visible_text
from tests.playground.slack.posting import content, post
from tests.playground.slack.views import publish, push

from .block_corpus import VALID
from .slack_app import CARD, FORM

VOID = {"meta", "br", "hr", "img", "input"}


class Outline(HTMLParser):
    """The tags and the text of a page; `open` has to be empty at its end."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def stands_alone(page: str) -> Outline:
    outline = Outline(page)
    assert outline.open == []
    assert not outline.tags & {"script", "link", "iframe", "object"}
    assert not any(name.startswith("on") for name, _ in outline.attributes)
    for name, value in outline.attributes:
        assert name not in {"src", "href"} or str(value).startswith(("data:", "https://", "http://", "mailto:"))
        assert name != "src" or str(value).startswith("data:")
    return outline


@pytest.fixture
def ada(slack: SlackPlayground) -> Person:
    return slack.person("Ada <b>")


@pytest.fixture
def news(slack: SlackPlayground, ada: Person) -> Channel:
    return slack.channel("news", people=[ada, slack.person("Bob")], bot_in=True)


async def test_a_channel_is_drawn_for_its_viewer(slack: SlackPlayground, ada: Person, news: Channel) -> None:
    text, blocks = content("Ready", CARD)
    card = post(slack.world, news, slack.workspace, text, blocks)
    post(slack.world, news, slack.workspace, "only you", [], shown_to=ada.id)
    post(slack.world, news, slack.workspace, "someone else", [], shown_to="U404")
    post(slack.world, news, slack.workspace, "all clear", [], thread_ts=card.ts, broadcast=True)
    page = channel_html(slack, news, ada)
    outline = stands_alone(page)
    assert "Mail from example.com is <ready>" in outline.text
    assert "Only visible to you" in outline.text
    assert "someone else" not in outline.text
    assert outline.text.count("all clear") == 2
    assert 'data-action="check"' in page


async def test_every_valid_payload_can_be_drawn(slack: SlackPlayground, ada: Person, news: Channel) -> None:
    for payload in VALID.values():
        if payload.get("type") == "modal":
            view = push(slack.world, payload, ada.id, slack.workspace, None)
            outline = stands_alone(modal_html(view, slack.world))
            labels = re.findall(r'<label for="([^"]+)"', modal_html(view, slack.world))
            assert set(labels) <= {value for name, value in outline.attributes if name == "id"}
        elif payload.get("type") == "home":
            stands_alone(home_html(publish(slack.world, payload, ada.id, slack.workspace), slack.world))
        else:
            _, blocks = content("t", payload["blocks"])
            post(slack.world, news, slack.workspace, "t", blocks)
    stands_alone(channel_html(slack, news, ada))


async def test_a_modal_shows_what_was_typed_and_what_is_wrong(slack: SlackPlayground, ada: Person) -> None:
    push(slack.world, FORM, ada.id, slack.workspace, None)
    form = await ada.modal("Connect")
    form.fill("Role ARN", 'a"><script>')
    form.view.errors = {"arn": "No <such> role."}
    outline = stands_alone(modal_html(form.view, slack.world))
    assert ("value", 'a"><script>') in outline.attributes
    assert "No <such> role." in outline.text


@given(st.text(alphabet=st.sampled_from("<>&!@#*_~`|:\x00\x01\n ab1") | st.characters(), max_size=60))
def test_no_text_breaks_out_of_its_place(text: str) -> None:
    visible_text(text)
    allowed = {"strong", "em", "s", "code", "pre", "br", "blockquote", "span", "a"}
    outline = Outline(f"<div>{mrkdwn(text, str)}</div>")
    assert outline.tags - {"div"} <= allowed
    assert all(str(value).startswith(("http", "mailto:")) for name, value in outline.attributes if name == "href")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* _it_ ~no~ `code`", "bold it no code"),
        ("2*3*4 and snake_case_name", "2*3*4 and snake_case_name"),
        ("_dmarc.example.com and x._domainkey.example.com", "_dmarc.example.com and x._domainkey.example.com"),
        ("`*kept* &lt;b&gt;`", "*kept* <b>"),
        ("<https://x.io|here> <https://x.io> <mailto:a@x.io|a@x.io>", "here (https://x.io) https://x.io a@x.io"),
        ("<@U1> <#C1|news> <!here> <!subteam^S1|@ops>", "@U1 #news @here @ops"),
        ("<!date^1^{date}|1 January> &amp;lt;", "1 January &lt;"),
        ("&gt; quoted\n:warning: kept", "| quoted\n:warning: kept"),
        ("*<https://x.io|bold link>*", "bold link (https://x.io)"),
    ],
)
def test_markup_is_read_as_slacks_client_shows_it(text: str, shown: str) -> None:
    assert visible_text(text) == shown


def test_every_emoji_that_the_app_uses_is_drawn() -> None:
    views = (Path(__file__).parents[3] / "handlers" / "slack").rglob("*.py")
    used = {name for path in views for name in re.findall(r"[\"' ]:([a-z_]+):[\"' ]", path.read_text())}
    assert "white_check_mark" in used
    assert used <= set(EMOJI)


def test_a_date_is_drawn_as_the_app_asked_for_it() -> None:
    assert ">Nov 24, 2023 09:05<" in mrkdwn("<!date^1700816700^{date_short_pretty} {time}|later>", str)
    assert ">later {x}<" not in mrkdwn("<!date^99999999999^{x}|later>", str)


def test_code_and_quotes_are_blocks_without_empty_lines_around_them() -> None:
    assert mrkdwn("name\n```a\nb```\nend `x`\nlast", str) == "name<pre>a\nb</pre>end <code>x</code><br>last"
    assert mrkdwn("said\n&gt; one\n&gt;two\nend", str) == "said<blockquote>one<br>two</blockquote>end"

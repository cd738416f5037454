"""An HTML page as the message of a program's broadcast: made inert, named what was left out, kept through an edit."""

from typing import Any

import pytest

from tests.flows.program import PROBLEM, Program
from tests.flows.test_api_sending import create
from tests.flows.world import OVER_HTTP, UNDO_SECONDS, World, long_case

PAGE = """<!DOCTYPE html>
<style>p { color: #333 } @media (max-width: 600px) { p { color: #000 } }</style>
<p onclick="x()">Hello {{first_name|there}}, <a href="http://acme.test/spring">look</a>.</p>
<script>x()</script><img src="http://acme.test/kite.png">
<p><a href="{{unsubscribe}}">Leave</a></p>"""


async def test_a_page_goes_out_inert_and_what_was_left_out_is_named(world: World, program: Program) -> None:
    await world.is_open()

    made = await create(program, message=None, html=PAGE)

    assert made.status == 201, made.raw
    warnings = {each["code"]: each["sentence"] for each in made.json["warnings"]}
    assert "1 media query, 2 scripts, 1 picture." in warnings["CONTENT_CHANGED"]
    assert "http://acme.test/spring is not encrypted" in warnings["LINK_HTTP"]
    await world.passes(UNDO_SECONDS)
    ann = next(mail for mail in world.aws.mails if mail.to == ("ann@elsewhere.test",))
    assert '<p style="color:#333">Hello Ann, <a href="http://acme.test/spring">look</a>.</p>' in (ann.html or "")
    assert ann.html is not None
    assert not any(never in ann.html for never in ("script", "onclick", "<img", "#000"))
    assert ann.text is not None
    assert ann.text.startswith("Hello Ann, look (http://acme.test/spring).\n\nLeave ")


@OVER_HTTP
@pytest.mark.long
async def test_it_is_kept_when_somebody_edits_what_stands_around_it(world: World, program: Program) -> None:
    await world.is_open()
    await create(program, message=None, html=PAGE)
    await world.settle()
    message = await world.bob.sees(world.news, "Spring news")
    await world.bob.press(message, "Edit")
    await world.bot.tasks.idle()
    form = await world.bob.modal("New broadcast")
    assert "HTML file: a page from a program (kept)" in form.text

    form.fill("Subject", "Spring news, mended")
    await form.submit()
    await world.bot.tasks.idle()
    await world.confirms(form)
    await world.passes(UNDO_SECONDS)

    assert {mail.subject for mail in world.aws.mails} == {"Spring news, mended"}
    assert all("color:#333" in (mail.html or "") for mail in world.aws.mails)


@OVER_HTTP
@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"html": "<p>Hello</p>"}, "INVALID", "Give exactly one of text, message, markdown, html."),
        long_case({"message": None}, "INVALID", "Give exactly one of text, message, markdown, html."),
        long_case({"message": None, "html": "<script>x()</script>"}, "BODY_EMPTY", "Nothing in the HTML file"),
        ({"message": None, "html": "<p>{{last_name}}</p>"}, "UNKNOWN_FIELD", "{{last_name}}"),
        ({"message": None, "html": "<p>" + "x" * 600_000}, "HTML_TOO_LARGE", "500 KB"),
    ],
)
async def test_a_page_that_cannot_be_mailed_is_refused(
    world: World, program: Program, given: dict[str, Any], code: str, says: str
) -> None:
    await world.is_open()

    refused = await create(program, **given)

    assert refused.status == 422, refused.raw
    assert refused.headers["Content-Type"].startswith(PROBLEM)
    assert refused.json["code"] == code
    assert says in refused.raw.decode()

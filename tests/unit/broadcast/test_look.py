"""How a team's mails look, and that its colour can be read."""

import io
import random
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.broadcast.content.compiler import Footer, compile_template, render
from bot.broadcast.content.html_sanitizer import sanitize
from bot.broadcast.content.look import LEGIBLE, Layout, Look, contrast, legible
from bot.broadcast.content.message import CompiledMessage
from bot.errors import BotError
from bot.ses.bulk_send import CALL_BYTES
from bot.teams.looks import FOOTER_WORDS_LIMIT, checked, import_logo
from storage.states import HeadingFont
from tests.unit.broadcast.fixtures import rich_text
from tests.unit.broadcast.test_images import picture

LOGO = {"name": "acme.png", "alt": 'Acme "{{x}}"', "type": "image/png", "width": 400, "height": 100, "data": "eHg="}
LOOK = Look(LOGO, "#14532d", HeadingFont.SERIF, "You are a customer.\n{{nothing}} is filled here.")
PAGE = {"type": "html", "html": '<h1>News</h1><p><a href="https://a.test/">Read</a></p>'}
BODIES = {Layout.WRITTEN: rich_text("Hello"), Layout.CANVAS: {**PAGE, "canvas": "link"}, Layout.FILE: PAGE}
colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def mail(look: Look, layout: Layout = Layout.WRITTEN, **footer: Any) -> tuple[str, str]:
    words = Footer(words=look.footer_words, **footer)
    template = compile_template("News", "", BODIES[layout], [], words, look=look)
    rendered = render(template, template.data({}))
    return rendered.html, rendered.text


def noise() -> bytes:
    """A picture that does not get smaller."""
    written = io.BytesIO()
    pixels = random.Random(1).randbytes(3 * 400 * 200)  # noqa: S311 - of noise
    Image.frombytes("RGB", (400, 200), pixels).save(written, "PNG")
    return written.getvalue()


def test_without_a_look_a_mail_has_no_rules_of_its_own() -> None:
    html, _ = mail(Look())

    assert "<style" not in html
    assert "logo" not in html


def test_the_logo_stands_above_the_text_and_is_as_large_as_it_may_be() -> None:
    html, text = mail(LOOK)

    assert html.index("<img") < html.index("Hello")
    assert 'src="cid:logo.png"' in html
    assert 'alt="Acme &quot;{{x}}&quot;" width="200"' in html
    assert "logo" not in text
    assert 'width="40"' in mail(replace(LOOK, logo={**LOGO, "height": 800}))[0]
    assert 'width="30"' in mail(replace(LOOK, logo={**LOGO, "width": 30, "height": 20}))[0]


@pytest.mark.parametrize(
    ("layout", "has"),
    [
        (Layout.WRITTEN, {"a{color:#14532d}", "prefers-color-scheme:dark", "cid:logo.png", 'name="color-scheme"'}),
        (
            Layout.CANVAS,
            {
                "h1,h2,h3{font-family:Georgia",
                "a,h1,h2,h3{color:#14532d}",
                "prefers-color-scheme:dark",
                "(max-width:600px)",
                "cid:logo.png",
                'name="color-scheme"',
            },
        ),
        (Layout.FILE, {"(max-width:600px)"}),
    ],
)
def test_which_part_of_it_a_message_has(layout: Layout, has: set[str]) -> None:
    html, _ = mail(LOOK, layout)

    everything = {"a{color:#14532d}", "h1,h2,h3{font-family:Georgia", "a,h1,h2,h3{color:#14532d}", "(max-width:600px)"}
    everything |= {"prefers-color-scheme:dark", "cid:logo.png", 'name="color-scheme"'}
    assert {each for each in everything if each in html} == has
    assert html.count("<style>") == 1
    rules = html.partition("<style>")[2].partition("</style>")[0]
    assert rules.count("{") == rules.count("}") > 0
    assert not re.search(r"[<>&]|url|@import", rules)


def test_words_stand_at_the_foot_as_they_were_typed() -> None:
    html, text = mail(LOOK, postal_address="1 High Street")

    assert 'You are a customer.<br>\n{{nothing}} is filled here.</div>\n<div dir="auto">1 High Street' in html
    assert text.endswith("You are a customer.\n{{nothing}} is filled here.\n1 High Street\n")
    assert "You are a customer." in mail(LOOK, Layout.FILE)[0]


def test_it_is_stored_with_the_message_and_its_logo_is_a_part_of_each_mail() -> None:
    template = compile_template("News", "", BODIES[Layout.WRITTEN], [], Footer(), look=LOOK)
    fixed = CompiledMessage("a@x.test", "", "a@x.test", "", (), template, LOOK)

    again = CompiledMessage.from_json(fixed.to_json())

    assert again == fixed
    (part,) = again.parts([])
    assert (part.content_id, part.content_type, part.data) == ("logo.png", "image/png", b"xx")
    assert again.image_bytes([]) == 4
    assert 'src="data:image/png;base64,eHg="' in again.in_browser(again.sample([]).html, [])
    old = {name: value for name, value in fixed.to_json().items() if name != "look"}
    assert CompiledMessage.from_json(old).look == Look()


def test_a_logo_counts_toward_what_a_call_takes() -> None:
    heavy = replace(LOOK, logo={**LOGO, "data": "x" * CALL_BYTES})

    with pytest.raises(BotError) as refused:
        mail(heavy)

    assert refused.value.code == "IMAGES_TOO_HEAVY"
    assert "<h1>" in mail(heavy, Layout.FILE)[0]


@given(colours, st.sampled_from(["#ffffff", "#262626"]))
def test_any_colour_can_be_read_and_one_that_can_stays_as_it_is(colour: str, background: str) -> None:
    shade = legible(colour, background)

    assert contrast(shade, background) >= LEGIBLE
    assert (shade == colour) == (contrast(colour, background) >= LEGIBLE)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21), ("#ffffff", "#ffffff", 1), ("#767676", "#ffffff", 4.54), ("#ff0000", "#ffffff", 4.0)],
)
def test_contrast_is_wcags(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.01)


# What is refused


@pytest.mark.parametrize("typed", ["red", "#12", "#12345g", "#1234567", "14532d", "#14532d;x", "url(x)"])
def test_what_is_no_colour_is_refused_in_its_field(typed: str) -> None:
    with pytest.raises(BotError) as refused:
        checked(Look(colour=typed))

    assert (refused.value.code, refused.value.field) == ("COLOUR", "colour")


def test_a_colour_and_words_are_kept_in_their_normal_form() -> None:
    assert checked(Look(colour=" #14532D ", footer_words=" x ")) == Look(colour="#14532d", footer_words="x")
    assert len(checked(Look(footer_words="x" * FOOTER_WORDS_LIMIT)).footer_words) == FOOTER_WORDS_LIMIT
    with pytest.raises(BotError) as refused:
        checked(Look(footer_words="x" * (FOOTER_WORDS_LIMIT + 1)))
    assert (refused.value.code, refused.value.field) == ("FOOTER_WORDS", "footer_words")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "IMAGE_INVALID"),
        (b"no picture", "IMAGE_INVALID"),
        (b"\x89PNG" + bytes(10_000_000), "IMAGE_TOO_LARGE"),
    ],
)
async def test_what_is_no_logo_is_refused_in_its_field(data: bytes, code: str) -> None:
    with pytest.raises(BotError) as refused:
        await import_logo(data, "logo.png", "Acme")

    assert (refused.value.code, refused.value.field) == (code, "logo")


async def test_a_logo_is_made_as_small_as_it_is_shown_and_a_heavy_one_is_refused() -> None:
    made = await import_logo(picture(size=(1600, 400)), "logo.png", "Acme")
    assert (made["width"], made["height"], made["alt"]) == (400, 100, "Acme")

    with pytest.raises(BotError) as refused:
        await import_logo(noise(), "logo.png", "Acme")

    assert (refused.value.code, refused.value.field) == ("IMAGE_TOO_LARGE", "logo")
    assert "100 KB at most" in refused.value.text


def test_the_sanitizer_leaves_no_class_that_our_rules_are_about() -> None:
    html, _ = sanitize(b'<p class="logo line" style="color:red">x</p>')

    assert html == '<p style="color:red">x</p>'

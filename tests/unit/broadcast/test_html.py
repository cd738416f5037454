"""An HTML file as a mail: what stays of it, what is left out and named, its text part, its fields."""

import re
from typing import Any

import pytest

from bot.broadcast.content.compiler import Footer, Unsubscribe, compile_template
from bot.broadcast.content.html_import import FILE_LIMIT, import_html
from bot.broadcast.content.html_sanitizer import UnreadableError, sanitize
from bot.broadcast.content.ses_template import Rendered, render
from bot.broadcast.content.warnings import remarks
from bot.errors import BotError

LINK = "https://mail.acme.test/u/abc"


def kept(document: str) -> str:
    return sanitize(document.encode())[0]


def left_out(document: str) -> dict[str, int]:
    return sanitize(document.encode())[1]


def body_of(document: str) -> dict[str, Any]:
    html, removed = sanitize(document.encode())
    return {"type": "html", "html": html, "removed": removed}


def mail(document: str, footer: Footer | None = None, **fields: str) -> Rendered:
    template = compile_template("News", "", body_of(document), [*fields], footer or Footer())
    return render(template, template.data(fields, LINK))


def inner(html: str) -> str:
    """Return what stands in the body."""
    found = re.search(r"<body[^>]*>\n(.*)</body>", html, re.DOTALL)
    assert found
    return found[1]


def test_a_style_sheet_becomes_style_attributes() -> None:
    document = "<style>p { color: #333; margin: 0 0 1em } .big { font-size: 24px }</style><p class=big>Hello</p>"

    assert kept(document) == '<p style="color:#333;margin:0 0 1em;font-size:24px">Hello</p>'


@pytest.mark.parametrize(
    ("document", "stays"),
    [
        ("<p onclick='x()'>a</p><script>x()</script>", "<p>a</p>"),
        ("<form action=/x><input name=a><button>Go</button></form>b", "b"),
        ("<iframe src='https://x.test'></iframe><object data=x></object>c", "c"),
        ("<a href='javascript:x()'>a</a><a href='data:text/html,x'>b</a><a href='vbscript:x'>c</a>", None),
        ("<a href='#top'>a</a><a href=''>b</a>", None),
        ("<p style='background:url(https://x.test/p.png);color:red'>a</p>", '<p style="color:red">a</p>'),
        (r"<p style='background:u\72l(https://x.test/p.png)'>a</p>", "<p>a</p>"),
        ("<p style=\"background:image-set('https://x.test/p.png' 1x)\">a</p>", "<p>a</p>"),
        ("<p style='width:expression(x())'>a</p>", "<p>a</p>"),
        ("<p style='behavior:x;-moz-binding:x;position:fixed;z-index:9'>a</p>", "<p>a</p>"),
        ("<p style='list-style:url(https://x.test/p.png)'>a</p>", "<p>a</p>"),
        ("<style>@import 'https://x.test/a.css'; p { color: red }</style><p>a</p>", '<p style="color:red">a</p>'),
        ("<link rel=stylesheet href='https://x.test/a.css'><base href='https://x.test'>a", "a"),
        ("<table background='https://x.test/p.png' bgcolor=red><tr><td>a</td></tr></table>", None),
        ("<svg><image href='https://x.test/p.png'/></svg><math><mtext>b</mtext></math>c", "c"),
        ("<video src=x poster=y></video><audio src=x></audio>d", "d"),
        ("<!-- [if mso]> <v:image src='https://x.test/p.png'/> <![endif]-->e", "e"),
        ("<meta http-equiv=refresh content='0;url=https://x.test'>f", "f"),
    ],
)
def test_what_acts_or_loads_is_left_out(document: str, stays: str | None) -> None:
    html = kept(document)

    assert stays is None or html == stays
    assert not re.search(r"x\.test|script|data:|on\w+=|url\(|href", html)


def test_what_is_left_out_is_named() -> None:
    document = (
        "<style>@import 'a.css'; @media (max-width: 600px) { p { color: red } } p { background: url(x.png) }</style>"
        "<script>x()</script><form><input></form><img src=http://x.test/a.png><img src='data:,b'><p onload=x()>a</p>"
    )

    assert left_out(document) == {
        "style sheet from elsewhere": 1,
        "media query": 1,
        "script": 2,
        "form element": 2,
        "picture": 2,
        "style that loads something": 1,
    }
    template = compile_template("News", "", body_of(document), [], Footer())
    (said,) = [each.sentence for each in remarks("News", "", body_of(document), template, [], 0)]
    assert said.startswith("Left out of the HTML file, since mail programs refuse it: 1 style sheet from elsewhere, ")
    assert "2 pictures, " in said


@pytest.mark.parametrize(
    "data",
    [
        "<p>é</p>".encode(),
        "<p>é</p>".encode("utf-8-sig"),
        "<p>é</p>".encode("utf-16"),
        '<meta charset="windows-1252"><p>é</p>'.encode("cp1252"),
        '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><p>é</p>'.encode("latin-1"),
    ],
)
def test_an_encoding_that_is_named_is_read(data: bytes) -> None:
    assert sanitize(data)[0] == "<p>é</p>"


@pytest.mark.parametrize("data", ["<p>é</p>".encode("latin-1"), b"<meta charset=klingon><p>a</p>", b"\xff\xfe\x00\xd8"])
def test_one_that_is_not_named_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        sanitize(data)


def test_fields_are_filled_and_escaped_for_their_place() -> None:
    document = '<p>Hi {{first_name|there}}</p><p><a href="https://acme.test/?n={{first_name}}">Look</a></p>'

    made = mail(document, first_name="<b>Ann & Co</b>")

    assert "<p>Hi &lt;b&gt;Ann &amp; Co&lt;/b&gt;</p>" in made.html
    assert 'href="https://acme.test/?n=%3Cb%3EAnn%20%26%20Co%3C%2Fb%3E"' in made.html
    assert made.text.startswith("Hi <b>Ann & Co</b>\n\nLook (https://acme.test/?n=%3Cb%3EAnn")
    assert "Hi there" in mail(document, first_name="").html


def test_braces_of_another_kind_go_out_as_they_stand() -> None:
    made = mail("<p title='{{{x}}}'>a {{{x}}} {{#if y}} \\</p>")

    assert '<p title="{{{x}}}">a {{{x}}} {{#if y}} \\</p>' in made.html


def test_without_a_place_to_unsubscribe_the_footer_is_added() -> None:
    made = mail("<p>Hello</p>", Footer(postal_address="Acme\n1 Road"))

    assert f'<a href="{LINK}" style="color:inherit">Unsubscribe</a>' in made.html
    assert made.text == f"Hello\n\n--\nUnsubscribe: {LINK}\nAcme\n1 Road\n"


@pytest.mark.parametrize(
    ("footer", "address"),
    [
        (Footer(), LINK),
        (Footer(Unsubscribe.MAIL, "news@acme.test"), "mailto:news@acme.test?subject=unsubscribe"),
    ],
)
def test_a_document_may_have_its_own_way_to_unsubscribe(footer: Footer, address: str) -> None:
    made = mail('<p>Hello <a href="{{unsubscribe}}">leave</a></p>', footer)

    assert inner(made.html).startswith(f'<p>Hello <a href="{address}')
    assert made.html.count(address) == 1
    assert made.text == f"Hello leave {address.removeprefix('mailto:').partition('?')[0]}\n"


def test_the_text_part_reads_like_the_page() -> None:
    document = """
    <div style="display:none">Preview</div>
    <h1>June   news</h1>
    <p>One <b>bold</b> word,<br>a line.</p>
    <ul><li>first</li><li>second</li></ul>
    <table><tr><td>Plan</td><td>Pro</td></tr><tr><td>Price</td><td>$9</td></tr></table>
    <hr>
    <p><a href="https://acme.test">acme.test</a> <a href="https://acme.test">https://acme.test</a>
    <a href="mailto:hi@acme.test">hi@acme.test</a></p>
    """

    assert mail(document).text.partition("\n\n--\n")[0] == (
        "June news\n\nOne bold word,\na line.\n\n- first\n- second\n\nPlan  Pro\nPrice  $9\n\n---\n\n"
        "acme.test (https://acme.test) https://acme.test hi@acme.test"
    )


@pytest.mark.parametrize(
    ("document", "code", "says"),
    [
        ("<p>{{first<b>_name</b>}}</p>", "FIELD_SPLIT", "Only a part of {{first_name}} is formatted"),
        ("<p>{{plan}}</p>", "UNKNOWN_FIELD", "no column for {{plan}}"),
        ("<p>{{first_name | default: 'x'}}</p>", "FIELD_SYNTAX", "Write {{first_name|x}}"),
        ("<a href='/prices'>Prices</a>", "LINK_REFUSED", "Type it in full"),
        ("<p>" + "x" * 500_000 + "</p>", "HTML_TOO_LARGE", "leaves room for 500 KB. Take out 501 KB or more."),
    ],
)
def test_what_cannot_be_mailed_is_refused_at_the_file(document: str, code: str, says: str) -> None:
    with pytest.raises(BotError) as refused:
        mail(document, first_name="Ann")

    assert (refused.value.code, refused.value.field) == (code, "html")
    assert says in refused.value.text


async def test_a_file_is_read_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILROOM_KEYS", "not for parsers")

    made = await import_html(b"<p>Hello</p>", "june.html")

    assert made == {"type": "html", "name": "june.html", "html": "<p>Hello</p>", "removed": {}}


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b" " * (FILE_LIMIT + 1), "HTML_TOO_LARGE", "The HTML file is larger than 2 MB. Take out 1 KB or more."),
        (b"\xff\xfe\x00\xd8", "HTML_UNREADABLE", "save it as UTF-8"),
        (b"<script>x()</script>", "BODY_EMPTY", "Nothing in the HTML file"),
        (b"<div>" * 20_000, "HTML_UNREADABLE", "too complex"),
    ],
)
async def test_what_cannot_be_read_is_refused_and_costs_nobody_else(data: bytes, code: str, says: str) -> None:
    with pytest.raises(BotError) as refused:
        await import_html(data)

    assert (refused.value.code, refused.value.field) == (code, "html")
    assert says in refused.value.text


def test_numbers_of_a_list_stand_in_the_text_part_too() -> None:
    document = """<ol start="3"><li>three<ul><li>dot</li></ul></li><li value="7">seven</li><li>eight</li></ol>
    <ol start="x"><li>one</li></ol><li>alone</li>"""

    assert mail(document).text.partition("\n\n--\n")[0] == (
        "3. three\n\n- dot\n\n7. seven\n8. eight\n\n1. one\n\n- alone"
    )

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.broadcast.content.compiler import Footer, Template, Unsubscribe, compile_template, render
from bot.broadcast.content.merge_tags import MergeTag, column_names, parse_merge_tags
from bot.broadcast.content.ses_template import Rendered, clean
from bot.broadcast.content.warnings import mail_remarks, remarks
from bot.errors import BotError
from tests.playground.aws.template import render as ses_renders

COLUMNS = ["email", "first_name", "city"]
BY_MAIL = Footer(Unsubscribe.MAIL, "us@example.com")
URL = "https://mail.example/u/token"
COLUMN = "max-width:600px;margin:0 auto;overflow-wrap:break-word;word-wrap:break-word"


def text(value: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": value, **({"style": style} if style else {})}


def link(url: str, value: str = "") -> dict[str, Any]:
    return {"type": "link", "url": url, **({"text": value} if value else {})}


def section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def bullets(*items: str, style: str = "bullet", indent: int = 0, **more: int) -> dict[str, Any]:
    elements = [section(text(item)) for item in items]
    return {"type": "rich_text_list", "style": style, "indent": indent, "elements": elements, **more}


def body(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(elements)}


def typed(value: str) -> dict[str, Any]:
    return body(section(text(value)))


def template(message: dict[str, Any], *, subject: str = "Hello", preheader: str = "", **options: Any) -> Template:
    columns, footer = options.pop("columns", COLUMNS), options.pop("footer", BY_MAIL)
    return compile_template(subject, preheader, message, columns, footer, **options)


def mail(message: dict[str, Any], fields: Mapping[str, str] | None = None, **options: Any) -> Rendered:
    """Compile and render, by our own renderer and by the playground's SES, which must agree.

    Without its footer, unless one is given.
    """
    compiled = template(message, **options)
    data = compiled.data(fields or {}, URL)
    rendered = render(compiled, data)
    for source, ours in zip((compiled.subject, compiled.html, compiled.text), rendered, strict=True):
        assert ses_renders(source, dict(data)) == ours
    return rendered if "footer" in options else without_footer(rendered)


def without_footer(rendered: Rendered) -> Rendered:
    subject, html, text = rendered
    above, found, _ = html.partition('<div style="margin-top:32px;')
    said = "\n\n--\nUnsubscribe: send a mail to us@example.com that says so\n"
    assert found
    assert text.endswith(said)
    return Rendered(subject, f"{above}</div>\n</body>\n</html>\n", f"{text.removesuffix(said)}\n")


def refusal(message: dict[str, Any], **options: Any) -> BotError:
    with pytest.raises(BotError) as refused:
        template(message, **options)
    return refused.value


class Seen(HTMLParser):
    """What a mail program finds in HTML: tags with their attributes, and the text between them."""

    VOID = ("br", "meta")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "br":
            self.text += "\n"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def hrefs(self) -> list[str | None]:
        return [dict(attrs)["href"] for tag, attrs in self.tags if tag == "a"]


def inside(html: str) -> str:
    """Return what stands in the column of the message."""
    return html.partition(f'<div style="{COLUMN}">\n')[2].rpartition("\n</div>\n</body>")[0]


def plain(html: str) -> str:
    """Return HTML without the attributes that every block has."""
    return re.sub(r' (style|dir)="[^"]*"', "", inside(html))


def test_paragraphs_styles_links_and_line_ends() -> None:
    message = body(
        section(
            text("Dear all,\n\none\ntwo "),
            text("bold", bold=True),
            text("both", bold=True, italic=True),
            text("gone", strike=True),
            text("x = 1", code=True),
            link("https://example.com/?a=1&b=2", "here"),
            text(" or "),
            link("https://example.com/plain"),
            link("mailto:ann@example.com", "ann@example.com"),
        ),
        section(text("\nlast\n")),
    )
    rendered = mail(message)
    assert plain(rendered.html) == (
        "<p>Dear all,</p>\n"
        "<p>one<br>\ntwo <strong>bold</strong><em><strong>both</strong></em><s>gone</s><code>x = 1</code>"
        '<a href="https://example.com/?a=1&amp;b=2">here</a> or '
        '<a href="https://example.com/plain">https://example.com/plain</a>'
        '<a href="mailto:ann@example.com">ann@example.com</a></p>\n'
        "<p>last</p>"
    )
    assert rendered.text == (
        "Dear all,\n\none\ntwo boldbothgonex = 1here (https://example.com/?a=1&b=2) or https://example.com/plain"
        "ann@example.com\n\nlast\n"
    )


def test_lists_are_nested_by_indent_and_go_on_after_a_deeper_one() -> None:
    message = body(
        bullets("one", "two"),
        bullets("first", "second\nline", style="ordered", indent=1),
        bullets("deep", indent=3),
        bullets("third", style="ordered", indent=1, offset=2),
        bullets("three"),
        bullets("other", style="ordered", offset=4),
    )
    rendered = mail(message)
    assert plain(rendered.html).replace("\n", "") == (
        "<ul><li>one</li><li>two<ol><li>first</li><li>second<br>line<ul><li>deep</li></ul></li><li>third</li></ol>"
        '</li><li>three</li></ul><ol start="5"><li>other</li></ol>'
    )
    assert rendered.text == (
        "- one\n- two\n  1. first\n  2. second\n     line\n     - deep\n  3. third\n- three\n\n5. other\n"
    )


def test_a_numbered_list_that_starts_anew_is_another_list() -> None:
    message = body(bullets("a", "b", style="ordered"), bullets("c", style="ordered"))
    assert mail(message).text == "1. a\n2. b\n\n1. c\n"
    goes_on = body(bullets("a", "b", style="ordered"), bullets("c", style="ordered", offset=2))
    assert mail(goes_on).text == "1. a\n2. b\n3. c\n"


def test_quotes_and_code_keep_their_lines() -> None:
    message = body(
        {"type": "rich_text_quote", "elements": [text("said\nthey")]},
        {"type": "rich_text_preformatted", "elements": [text("if x:\n    y = {}")]},
    )
    rendered = mail(message)
    assert plain(rendered.html) == ("<blockquote>said<br>\nthey</blockquote>\n<pre>if x:\n    y = {}</pre>")
    assert rendered.text == "> said\n> they\n\nif x:\n    y = {}\n"


def test_each_block_has_the_direction_of_its_own_text() -> None:
    message = body(
        section(text("שלום!\n\nHello")),
        {"type": "rich_text_quote", "elements": [text("q")]},
        {"type": "rich_text_preformatted", "elements": [text("c")]},
        bullets("a"),
        bullets("b", indent=1),
        bullets("1", style="ordered", offset=4),
    )
    tags = Seen(mail(message, footer=Footer(postal_address="רחוב 1")).html).tags
    blocks = [tag for tag, attrs in tags if ("dir", "auto") in attrs]
    assert blocks == ["p", "p", "blockquote", "pre", "ul", "ul", "ol", "div", "div"]


def test_spaces_in_a_row_and_indents_are_kept_in_html_as_in_text() -> None:
    message = body(
        section(text("  a  b "), text(" c", bold=True), text("\n\td   {{city}}\n e")),
        bullets(" x  y"),
        {"type": "rich_text_preformatted", "elements": [text("  if x:\n    y")]},
    )
    rendered = mail(message, {"city": "San  José\n  CR"})
    assert rendered.text == ("  a  b  c\n\td   San  José\n  CR\n e\n\n-  x  y\n\n  if x:\n    y\n")
    seen = Seen(rendered.html).text.replace("\n\n", "\n")
    for kept in ("~~a ~b ~c", "~~~~d ~~San ~José", "~~CR", "~e", "~x ~y", "  if x:\n    y"):
        assert kept.replace("~", "\u00a0") in seen


def test_emoji_mentions_and_what_slack_adds_later_become_text() -> None:
    message = body(
        section(
            {"type": "emoji", "name": "wave", "unicode": "1f44b-1f3fd"},
            {"type": "emoji", "name": "party_parrot"},
            {"type": "emoji", "name": "odd", "unicode": "zz"},
            {"type": "user", "user_id": "U1"},
            {"type": "channel", "channel_id": "C1"},
            {"type": "usergroup", "usergroup_id": "S1"},
            {"type": "broadcast", "range": "here"},
            {"type": "date", "timestamp": 0, "format": "{date}", "fallback": "1 January"},
            {"type": "color", "value": "#ff0000"},
            {"type": "hologram", "text": "new"},
            {"type": "void"},
        )
    )
    rendered = mail(message)
    assert rendered.text == "👋🏽:party_parrot::odd:@U1#C1@S1@here1 January#ff0000new\n"


def test_fields_are_filled_everywhere_and_escaped_for_their_place() -> None:
    message = body(
        section(text("Hi {{ First name }}, "), text("{{city|there}}", bold=True), text(" <x> ")),
        section(link("https://example.com/{{city}}?mail={{email}}", "for {{first_name}}")),
    )
    fields = {"first_name": "<b>\"A\" & 'B'</b>", "city": "", "email": "a+b@example.com"}
    rendered = mail(message, fields, subject="To {{first_name}} {{city|x}}", preheader="Pre {{first_name}}")
    assert rendered.subject == "To <b>\"A\" & 'B'</b> x"
    name = "&lt;b&gt;&quot;A&quot; &amp; &#x27;B&#x27;&lt;/b&gt;"
    assert plain(rendered.html) == (
        f"<p>Hi {name}, <strong>there</strong> &lt;x&gt; </p>\n"
        f'<p><a href="https://example.com/?mail=a%2Bb%40example.com">for {name}</a></p>'
    )
    assert f">Pre {name}<" in rendered.html
    assert f"<title>To {name} x</title>" in rendered.html
    assert rendered.text == (
        "Hi <b>\"A\" & 'B'</b>, there <x> \n\nfor <b>\"A\" & 'B'</b> (https://example.com/?mail=a%2Bb%40example.com)\n"
    )


def test_each_fallback_stands_in_its_own_place() -> None:
    message = typed("{{city|there}} {{city|<here>}} {{city}} {{city|there}}")
    assert mail(message, {"city": " "}).text == "there <here>  there\n"
    assert mail(message, {"city": "Graz"}).text == "Graz Graz Graz Graz\n"
    assert "there &lt;here&gt;  there" in mail(message).html


def test_every_variable_is_given_whatever_a_recipient_lacks() -> None:
    compiled = template(typed("{{city}} {{first_name|you}} {"), subject="{{city|x}} \\", footer=Footer())
    assert compiled.fields == ("city", "first_name")
    for fields in ({}, {"city": ""}, {"city": "Graz", "first_name": "Ann", "more": "x"}):
        data = compiled.data(fields, URL)
        assert set(data) == {slot.variable for slot in compiled.slots}
        assert all(isinstance(value, str) for value in data.values())
        render(compiled, data)


def test_columns_that_would_leave_a_hole_are_named() -> None:
    compiled = template(typed("{{city}} {{first_name|you}}"), subject="{{city|x}} {{email}}")
    assert compiled.without_fallback == ("city", "email")


@pytest.mark.parametrize(
    "handlebars",
    [
        "{{{first_name}}}",
        "{{#if city}}x{{/if}}",
        "{{#each}}",
        "{{> partial}}",
        "{{! comment }}",
        "{{& city}}",
        "{{../up}}",
        "{{@root}}",
        "{{}}",
        "{{ }}",
        "{{|x}}",
        "{{{{raw}}}}",
        "{ {city} }",
        "{{city",
        "city}}",
        "\\",
        "c:\\",
        "}{",
        '{"a": {"b": {}}}',
    ],
)
def test_what_only_looks_like_handlebars_is_mailed_as_typed(handlebars: str) -> None:
    rendered = mail(typed(f"a {handlebars} z"), subject=f"s {handlebars} z", preheader=f"p {handlebars}")
    assert rendered.text == f"a {handlebars} z\n"
    assert rendered.subject == f"s {handlebars} z"
    assert f"a {handlebars} z" in Seen(rendered.html).text


def test_a_brace_or_backslash_beside_a_field_does_not_change_it() -> None:
    assert mail(typed("{{{city}} \\{{city}} {{city}}}"), {"city": "Graz"}).text == "{{{city}} \\Graz {{city}}}\n"
    assert mail(body(section(text("{"), text("{{city}}", bold=True))), {"city": "Graz"}).text == "{Graz\n"


def test_a_value_that_looks_like_a_field_is_not_filled_again() -> None:
    assert mail(typed("Hi {{city}}"), {"city": "{{first_name}}{{#if}}", "first_name": "Ann"}).text == (
        "Hi {{first_name}}{{#if}}\n"
    )


def test_a_field_without_a_column_is_refused_where_it_stands() -> None:
    error = refusal(typed("Hi {{Vorname}} and {{first_name}} {{x.y}} {{u|v}}"))
    assert (error.code, error.field) == ("UNKNOWN_FIELD", "message")
    assert error.sentence == ("The audience has no column for {{vorname}}, {{x_y}}: it has email, first_name, city.")
    assert error.next_step == ""
    assert refusal(typed("{{frist_name}}")).next_step == "Did you mean {{first_name}}?"
    assert refusal(typed("x"), subject="{{nom}}").field == "subject"
    assert refusal(typed("x"), preheader="{{nom}}").field == "preheader"
    assert refusal(body(section(link("https://example.com/{{nom}}", "x")))).field == "message"
    assert "it has none" in refusal(typed("{{nom}}"), columns=[]).sentence


def test_what_is_refused_is_named_in_a_sentence_of_bounded_length() -> None:
    columns = [f"column_of_the_export_{number}" for number in range(300)]
    error = refusal(
        typed("".join(f"{{{{x{number}}}}}" for number in range(9_000)) + f"{{{{{'y' * 9_000}}}}}"), columns=columns
    )
    assert error.sentence.startswith(
        "The audience has no column for {{x0}}, {{x1}}, {{x2}}, {{x3}}, {{x4}} and 8,996 more: it has column_of_"
    )
    assert error.sentence.endswith("column_of_the_export_19 and 280 more.")
    assert len(refusal(typed(f"{{{{{'y' * 9_000}}}}}")).text) < 200


@pytest.mark.parametrize(
    "header",
    [
        "Company (legal)",
        "Customer's name",
        "Amount ($)",
        "Name/Firma",
        "Vor- & Nachname",
        "Anrede:",
        "First, last",
        "名前（姓）",
        "# of seats",
        "Umsatz in %",
        "E-Mail?",
        "“Nick”",
        "*Pflichtfeld",
        "Straße 1/2",
        "a=b",
        "(intern) Team",
        "Prénom",
        "First\u200bName",
    ],
)
@pytest.mark.parametrize("around", ["{}", " {} ", "\u00a0{}\u00a0", "\u200b{}\u200b", "\ufeff{}", "\u202f{}\u2060"])
def test_a_column_is_filled_by_the_name_its_header_has(header: str, around: str) -> None:
    columns = list(column_names(["email", header]))
    written = around.format(header)
    message = body(section(text(f"A {{{{{written}}}}}, {{{{{written}|0}}}} B")))
    assert mail(message, {columns[1]: "Graz"}, columns=columns).text == "A Graz, Graz B\n"
    assert mail(message, {}, columns=columns, subject=f"{{{{{written}|0}}}}").subject == "0"
    assert refusal(typed(f"A {{{{{written}}}}} B"), columns=["email"]).code == "UNKNOWN_FIELD"


@pytest.mark.parametrize(
    ("other", "ours"),
    [
        ("{{first_name | default: 'there'}}", "{{first_name|there}}"),
        ('{{ first_name || "there" }}', "{{first_name|there}}"),
        ("{{first_name,fallback=there}}", "{{first_name|there}}"),
        ("{{ first_name ?? 'there' }}", "{{first_name|there}}"),
        ("{{first_name ?? there}}", "{{first_name|there}}"),
        ("{{First name|default('dear friend')}}", "{{first_name|dear friend}}"),
        ("{{ first_name | capitalize | default: “there” }}", "{{first_name|there}}"),
        ("{{first_name|'there'}}", "{{first_name|there}}"),
        ('{{first_name default="there"}}', "{{first_name|there}}"),
        ("{{ first_name or 'there' }}", "{{first_name|there}}"),
        ("{{ first_name | fallback: 'there' }}", "{{first_name|there}}"),
        ("{{first_name | default: ''}}", "{{first_name}}"),
    ],
)
@pytest.mark.parametrize("columns", [COLUMNS, None])
def test_a_fallback_as_another_program_writes_it_is_refused_with_ours(
    other: str, ours: str, columns: list[str] | None
) -> None:
    places = {"message": refusal(typed(f"Hi {other},"), columns=columns)}
    for place in ("subject", "preheader"):
        places[place] = refusal(typed("x"), columns=columns, **{place: f"Hi {other}"})
    for place, error in places.items():
        assert (error.code, error.field) == ("FIELD_SYNTAX", place)
        assert error.text.endswith(f"Write {ours}.")
        assert other.strip("{} ") in error.sentence


@pytest.mark.parametrize("fallback", ["friend: default", "you or me", "it's", "'n' roll", "a||", "=x", "Default GmbH"])
def test_an_honest_fallback_is_taken(fallback: str) -> None:
    if "||" in fallback:
        assert refusal(typed(f"{{{{city|{fallback}}}}}")).code == "FIELD_SYNTAX"
        return
    assert mail(typed(f"{{{{city|{fallback}}}}}")).text == f"{fallback}\n"


def said_of(message: str, columns: list[str], subject: str = "s") -> list[tuple[str, str]]:
    compiled = template(typed(message), columns=columns, subject=subject)
    return [(each.code, each.sentence) for each in remarks(subject, "", typed(message), compiled, columns, 0)]


@pytest.mark.parametrize(
    ("other", "column"),
    [
        ("*|FNAME|*", "first_name"),
        ("*|FNAME|*", "fname"),
        ("*|CITY|*", "city"),
        ("{first_name}", "first_name"),
        ("{First name}", "first_name"),
        ("{{ .FirstName }}", "first_name"),
        ("{{ .Subscriber.FirstName }}", "first_name"),
        ("{{{first_name}}}", "first_name"),
        ("{{#if city}}", "city"),
        ("{{first_name}", "first_name"),
        ("%first_name%", "first_name"),
        ("[[first_name]]", "first_name"),
        ("<<First name>>", "first_name"),
        ("${first_name}", "first_name"),
    ],
)
def test_another_programs_field_is_remarked_on_where_a_column_has_its_name(other: str, column: str) -> None:
    for columns, subject, message in (
        (["email", column], "s", f"Hi {other}!"),
        (["email", column], f"Hi {other}", "x"),
    ):
        ((code, sentence),) = said_of(message, columns, subject)
        assert code == "OTHER_SYNTAX"
        assert sentence.endswith(f"Here it is {{{{{column}}}}}.")
    assert said_of(f"Hi {other}!", ["email", "plan"]) == []
    assert mail(typed(f"Hi {other}!"), columns=["email", column]).text == f"Hi {other}!\n"


def test_a_mail_that_gmail_cuts_off_is_remarked_on() -> None:
    compiled = template(typed("x"))
    assert remarks("s", "", typed("x"), compiled, COLUMNS, 102_000) == []
    ((code, sentence),) = (
        (each.code, each.sentence) for each in remarks("s", "", typed("x"), compiled, COLUMNS, 123_025)
    )
    assert code == "MAIL_CLIPPED"
    assert sentence.startswith("The mail has 123 KB as HTML, and Gmail cuts off what is beyond 102 KB")


def test_a_field_that_nobody_has_is_remarked_on_with_what_all_get() -> None:
    assert said_of("Hi {{first_name|there}} {{city|x}}", ["email", "city"]) == [
        ("FIELD_NO_COLUMN", "The audience has no column first_name: everybody gets “there”.")
    ]
    assert mail(typed("Hi {{first_name|there}}"), columns=["email"]).text == "Hi there\n"
    assert said_of("Hi {{city}} {x} 50% off 20%", ["email", "city"]) == []


def test_before_there_is_an_audience_a_field_shows_its_fallback_or_name() -> None:
    assert mail(typed("Hi {{nom}}, {{city|there}}"), columns=None).text == "Hi [nom], there\n"


def test_a_field_that_is_formatted_in_the_middle_is_refused() -> None:
    error = refusal(body(section(text("{{first"), text("_name", bold=True), text("}} {{city}}"))))
    assert (error.code, error.field) == ("FIELD_SPLIT", "message")
    assert "{{first_name}}" in error.sentence
    nested = body(bullets("x"), {**bullets(indent=1), "elements": [section(text("{{ci"), text("ty}}", bold=True))]})
    assert refusal(nested).code == "FIELD_SPLIT"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example",
        "/relative",
        "{{city}}",
        "{{city}}://example.com/",
        "https://{{city}}/",
        "https://example.com{{city}}",
        "https://a@{{city}}",
        "https://user:pw@example.com/",
        "https://example.com/a b",
        "https://example.com/\u2028",
        "https://",
    ],
)
def test_links_that_could_lead_elsewhere_are_refused(url: str) -> None:
    error = refusal(body(section(link(url, "click"))))
    assert (error.code, error.field) == ("LINK_REFUSED", "message")
    assert error.sentence.isprintable()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://acme.test/a path", "it has a space in it. Write %20 in its place."),
        ("mailto:x@acme.test?subject=Hi there", "it has a space in it. Write %20 in its place."),
        ("https://acme.test/a\u00a0b", "it has a space in it. Write %20 in its place."),
        ("https://acme.test/a\u200bb", "it has invisible characters in it. Type it by hand."),
        ("acme.test/x", "it begins with none of https://, http://, mailto: and tel:. Type it in full."),
        ("ftp://acme.test/x", "it begins with none of https://, http://, mailto: and tel:. Type it in full."),
        ("https://{{city}}.test/", "a field stands before the end of the domain. Fields can only follow it, as in"),
        ("https://me:pw@acme.test/", "a name stands before its domain. Take out what stands before the @."),
        ("https:///x", "it has no domain. Type it in full, like https://example.com."),
    ],
)
def test_a_link_is_refused_with_the_true_reason(url: str, reason: str) -> None:
    sentence = refusal(body(section(link(url, "click")))).sentence
    assert sentence.startswith("The link ")
    assert f" cannot go into a mail: {reason}" in sentence


@pytest.mark.parametrize("filler", ["x", "%7B%7Ba", "%7B%7B", "{{a"])
def test_a_link_longer_than_mail_programs_take_is_refused(filler: str) -> None:
    url = f"https://example.com/{filler * 30_000}"
    error = refusal(body(section(link(url, "click"))))
    assert (error.code, error.field) == ("LINK_REFUSED", "message")
    assert error.sentence == (
        f"The link {url[:79]}… cannot go into a mail: it has {len(url):,} characters. Shorten it to 2,000 at most."
    )
    template(body(section(link(f"https://example.com/{'x' * 1_980}", "click"))))


@pytest.mark.parametrize(
    ("url", "href"),
    [
        ("https://example.com", "https://example.com"),
        ("HTTP://Example.com:8080/p?q#f", "HTTP://Example.com:8080/p?q#f"),
        ("https://example.com?x={{city}}", "https://example.com?x=a%2F%3A%22%3E%20b"),
        ("https://example.com/%7B%7Bcity%7D%7D/x", "https://example.com/a%2F%3A%22%3E%20b/x"),
        ("https://example.com/{x}\\", "https://example.com/%7Bx%7D%5C"),
        ('https://example.com/"onclick="x', 'https://example.com/"onclick="x'),
        ("mailto:ann@example.com?subject=Hi", "mailto:ann@example.com?subject=Hi"),
        ("tel:+431234", "tel:+431234"),
    ],
)
def test_links_are_kept_and_their_fields_encoded(url: str, href: str) -> None:
    rendered = mail(body(section(link(url, "click"))), {"city": 'a/:"> b'})
    seen = Seen(rendered.html)
    assert seen.hrefs() == [href]
    assert [attrs for tag, attrs in seen.tags if tag == "a"] == [(("href", href),)]


def test_the_footer_lets_each_recipient_out_by_a_link_of_their_own() -> None:
    compiled = template(typed("x"), footer=Footer(postal_address="Main St 1\n{{city}} <Graz>"))
    rendered = render(compiled, compiled.data({}, "https://mail.example/u/t?a=1&b=2"))
    seen = Seen(rendered.html)
    assert seen.hrefs() == ["https://mail.example/u/t?a=1&b=2"]
    assert "Main St 1\n\n{{city}} <Graz>" in seen.text
    assert rendered.text == ("x\n\n--\nUnsubscribe: https://mail.example/u/t?a=1&b=2\nMain St 1\n{{city}} <Graz>\n")


def test_the_footer_lets_out_by_mail_where_there_is_no_public_address() -> None:
    rendered = mail(typed("x"), footer=Footer(Unsubscribe.MAIL, "ann+news@example.com"))
    assert Seen(rendered.html).hrefs() == ["mailto:ann%2Bnews@example.com?subject=unsubscribe"]
    assert "--\nUnsubscribe: send a mail to ann+news@example.com" in rendered.text


def test_the_html_is_a_whole_document_with_a_hidden_preheader() -> None:
    rendered = mail(typed("x"), preheader="Look & see")
    assert rendered.html.startswith('<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">')
    assert '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">Look &amp; see</div>' in rendered.html
    assert [tag for tag, _ in Seen(rendered.html).tags][:6] == ["html", "head", "meta", "meta", "title", "body"]
    assert "display:none" not in mail(typed("x")).html


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("", "SUBJECT_EMPTY"),
        (" \n", "SUBJECT_EMPTY"),
        ("a\r\nBcc: eve@example.com", "NOT_ONE_LINE"),
        ("a\x00b", "NOT_ONE_LINE"),
        ("a\x0bb", "NOT_ONE_LINE"),
        ("a\x85b", "NOT_ONE_LINE"),
        ("a\u2028b", "NOT_ONE_LINE"),
        ("a\tb", "NOT_ONE_LINE"),
        ("a\ud800b", "NOT_ONE_LINE"),
        ("x" * 201, "TOO_LONG"),
    ],
)
def test_a_subject_is_one_short_line(subject: str, code: str) -> None:
    error = refusal(typed("x"), subject=subject)
    assert (error.code, error.field) == (code, "subject")


def test_a_subject_may_hold_any_letters_and_emoji() -> None:
    for subject in ("Grüße aus Łódź", "👨‍👩‍👧 می‌خواهم", "x" * 200):
        assert mail(typed("x"), subject=subject).subject == subject


def test_a_preheader_is_one_short_line_too() -> None:
    assert refusal(typed("x"), preheader="a\nb").field == "preheader"
    assert refusal(typed("x"), preheader="x" * 201).code == "TOO_LONG"


@pytest.mark.parametrize(
    "message", [{}, body(), typed(""), typed(" \n\n "), body(bullets("", " ")), body(section({"type": "void"}))]
)
def test_an_empty_message_is_refused(message: dict[str, Any]) -> None:
    error = refusal(message)
    assert (error.code, error.field) == ("BODY_EMPTY", "message")


def test_a_message_beyond_what_ses_takes_is_refused_with_the_numbers() -> None:
    template(typed("x" * 245_000))
    error = refusal(typed("x" * 250_000))
    assert error.code == "MESSAGE_TOO_LARGE"
    assert "500 KB as HTML and text" in error.sentence


def test_a_template_survives_being_stored() -> None:
    compiled = template(
        typed("{{city|x}} {{{ \\"), subject="{{email}}", preheader="p", footer=Footer(postal_address="Graz")
    )
    stored = json.loads(json.dumps(compiled.to_json()))
    again = Template.from_json(stored)
    assert again == compiled
    fields = {"city": "<Graz>", "email": "a@example.com"}
    assert render(again, again.data(fields, URL)) == render(compiled, compiled.data(fields, URL))


def test_a_missing_variable_or_foreign_handlebars_is_an_error_as_it_is_for_ses() -> None:
    compiled = template(typed("{{city}}"))
    with pytest.raises(KeyError):
        render(compiled, {})
    with pytest.raises(ValueError, match="brace"):
        render(Template("{{#if x}}", "", "", ()), {"x": ""})


TYPED = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.text("{}\\|#if ab<>&\"'\n", max_size=40)


@given(TYPED)
def test_text_without_fields_is_mailed_as_typed(value: str) -> None:
    if any(isinstance(part, MergeTag) for part in parse_merge_tags(value)):
        return
    message = f"a{value}z"
    rendered = mail(body({"type": "rich_text_preformatted", "elements": [text(message)]}))
    assert rendered.text == clean(message) + "\n"
    assert Seen(rendered.html).text.strip().endswith(clean(message))


@given(TYPED, TYPED, TYPED)
def test_no_value_adds_a_tag_an_attribute_or_a_line_to_the_subject(name: str, city: str, fallback: str) -> None:
    fallback = re.sub(r"[{}\n]", "", fallback)
    if MergeTag("first_name", fallback.strip(), f"first_name|{fallback}").meant:
        return
    message = body(
        section(text("Hi {{first_name|" + fallback + "}} "), link("https://example.com/?c={{city}}", "{{city}}")),
        {"type": "rich_text_preformatted", "elements": [text("{{first_name}}")]},
    )
    calm = Seen(mail(message, {"first_name": "Ann", "city": "Graz"}, subject="{{first_name}}").html)
    rendered = mail(message, {"first_name": name, "city": city}, subject="s {{first_name}}", preheader="{{city}}")
    seen = Seen(rendered.html)
    tags = [tag for tag, _ in seen.tags if tag != "br"]
    expected = [tag for tag, _ in calm.tags if tag != "br"]
    expected.insert(expected.index("body") + 1, "div")  # the preheader
    assert tags == expected
    for tag, attrs in seen.tags:
        assert {key for key, _ in attrs} <= {"style", "dir", "href", "charset", "name", "content"}, tag
    (href,) = seen.hrefs()
    assert re.fullmatch(r"https://example\.com/\?c=[A-Za-z0-9%._~-]*", href or "")
    assert len(rendered.subject.splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", rendered.subject)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", rendered.text)


@given(st.text("{}|ab_ #/>!\\\n", max_size=30))
def test_parts_and_markers_put_together_again_are_the_text(value: str) -> None:
    literal = "".join(part for part in parse_merge_tags(value) if isinstance(part, str))
    markers = [part for part in parse_merge_tags(value) if isinstance(part, MergeTag)]
    assert len(literal) <= len(value)
    assert (literal == value) is not bool(markers)
    for marker in markers:
        assert re.fullmatch(r"\w+", marker.field)
        assert not set("{}\n") & set(marker.fallback)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://acme.test/x", ""),
        ("mailto:ann@acme.test", ""),
        ("http://acme.test/x", "is not encrypted"),
        ("HTTP://acme.test", "is not encrypted"),
        ("https://[acme.test", "leads nowhere"),
        ("https://acme.test:port/", "leads nowhere"),
        ("https:///x", "leads nowhere"),
        ("http://[acme.test", "leads nowhere"),
    ],
)
def test_a_link_that_is_not_encrypted_or_leads_nowhere_is_said(url: str, why: str) -> None:
    body = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "link", "url": url, "text": "here"}] * 2}],
    }

    found = [remark.sentence for remark in mail_remarks(body, ["News"], "1 Acme Road")]

    assert len(found) == bool(why)
    assert all(why in sentence for sentence in found)

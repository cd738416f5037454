import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.broadcast.content.compiler import Footer, Template, Unsubscribe, render
from bot.broadcast.content.merge_tags import MergeTag, parse_merge_tags
from bot.broadcast.content.ses_template import clean
from bot.broadcast.content.warnings import mail_remarks
from tests.unit.broadcast.composing import (
    URL,
    Seen,
    body,
    bullets,
    link,
    mail,
    plain,
    refusal,
    section,
    template,
    text,
    typed,
)


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
    assert [tag for tag, _ in Seen(rendered.html).tags if tag != "meta"][:4] == ["html", "head", "title", "body"]
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


def test_outlook_has_a_table_around_the_column_and_a_page_of_somebody_keeps_its_own_layout_and_colours() -> None:
    written = mail(typed("x")).html
    page = render(template({"type": "html", "html": "<p>x</p>"}), {"lb": "{", "rb": "}", "bs": ""}).html

    assert '<!--[if mso]><table role="presentation" width="600" align="center"><tr><td><![endif]-->' in written
    assert '<meta name="color-scheme" content="light dark">' in written
    assert "mso]" not in page
    assert "color-scheme" not in page


def test_a_message_beyond_what_ses_takes_is_refused_with_the_numbers() -> None:
    template(typed("x" * 245_000))
    error = refusal(typed("x" * 249_800))
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

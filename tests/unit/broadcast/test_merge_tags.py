import pytest

from bot.broadcast.content.compiler import Footer, render
from bot.broadcast.content.merge_tags import column_names
from bot.broadcast.content.warnings import remarks
from bot.errors import BotError
from tests.unit.broadcast.composing import (
    COLUMNS,
    URL,
    Seen,
    body,
    link,
    mail,
    plain,
    refusal,
    section,
    template,
    text,
    typed,
)


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
    try:
        rendered = mail(typed(f"a {handlebars} z"), subject=f"s {handlebars} z", preheader=f"p {handlebars}")
    except (KeyError, ValueError):
        pytest.fail("SES would take it for a field")
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
    try:
        filled = mail(message, {columns[1]: "Graz"}, columns=columns).text
    except BotError as error:
        filled = str(error)
    assert filled == "A Graz, Graz B\n"
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


@pytest.mark.parametrize(
    ("subject", "message", "reads"),
    [
        ("s", "Hi {{first_name}}, welcome", "Hi , welcome"),
        ("For {{first_name}}", "Hi {{first_name}}", "For"),
        ("s", "Hi {{first_name|you}}\nDear {{first_name}} of {{city}}", "Dear  of [city]"),
        ("s", f"{'x' * 50}{{{{first_name}}}}{'y' * 50}", f"…{'x' * 40}{'y' * 40}…"),
        ("s", "Hi {{city}}", ""),
    ],
)
def test_how_a_mail_with_a_hole_reads(subject: str, message: str, reads: str) -> None:
    assert template(typed(message), subject=subject).hole("first_name") == reads

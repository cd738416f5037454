"""What is written for many recipients is, byte for byte, what the plain way says for each."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from bot.broadcast.content.compiler import Footer, compile_template
from bot.broadcast.content.message import CompiledMessage, Personalizer, Recipient, ReplacementData
from bot.broadcast.content.ses_template import UNSUBSCRIBE, EscapeContext, Template, Variable
from bot.suppression.unsubscribe_links import LinkSubject, unsubscribe_headers, unsubscribe_url
from storage.states import SendKind
from tests.links import link_token
from tests.unit.broadcast.composing import body, link, section, text

COLUMNS = ("email", "name", "city", "code")
KEYS = [("k1", b"1" * 32)]
TEAM, BROADCAST = "ab" * 16, "cd" * 16
TYPED = '{ \\ } {{name|you "and" me}} {{city}} {{code|50%s}} {{name|a<b>}}'
MESSAGE = body(section(text(TYPED), link("https://x.example/?q={{name}}&c={{city|é}}", "here {{code}}")))
OF_COLUMNS = [place for place in EscapeContext if place not in {EscapeContext.LITERAL, EscapeContext.TEXT_LINK}]
OF_LINKS = [EscapeContext.TEXT, EscapeContext.HTML, EscapeContext.HTML_FLAT, EscapeContext.HREF]
LINKS = ["https://m.example/u/", "https://m.example/a&b%20%s/u/"]

typed_values = st.text(max_size=30) | st.sampled_from(
    [
        "",
        " ",
        "Ann",
        "Ann Lee",
        "Ann  Lee",
        "a" * 201,
        "a b" * 90,
        "é",
        "x<y",
        'q"q',
        "%s",
        "a\nb",
        "O'Neil",
        "a\\b",
        "~",
    ]
)
slots = st.lists(
    st.builds(
        Variable, st.text(max_size=6), st.sampled_from(OF_COLUMNS), st.sampled_from([*COLUMNS, "x"]), typed_values
    )
    | st.builds(Variable, st.text(max_size=6), st.just(EscapeContext.LITERAL), st.just("?"), typed_values)
    | st.builds(Variable, st.text(max_size=6), st.sampled_from(OF_LINKS), st.just(UNSUBSCRIBE), st.just("")),
    max_size=6,
    unique_by=lambda slot: slot.variable,
)


@given(slots, st.lists(typed_values, max_size=5), st.sampled_from(LINKS) | st.just(""))
@example([Variable("f0", EscapeContext.HREF, "name", "")], ["", "Ann Lee"], "")
@example([Variable("f0", EscapeContext.SUBJECT, "name", "")], ["", "a" * 201], "")
def test_the_data_of_any_template(slots: list[Variable], values: list[str], start: str) -> None:
    template = Template("", "", "", tuple(slots))
    end = "tok_EN-1" if start else ""

    plain = template.data(dict(zip(COLUMNS, values, strict=False)), start + end)

    assert ReplacementData(template, COLUMNS, start).write(values, end) == json.dumps(plain)


@given(st.lists(typed_values, max_size=5), st.integers(1, 2**32 - 1), st.sampled_from(["https://m.example/", ""]))
def test_an_entry_of_a_whole_message(values: list[str], seq: int, public_url: str) -> None:
    template = compile_template("Hi {{name|there}}", "p {{city}}", MESSAGE, COLUMNS, Footer())
    fixed = CompiledMessage("a@x.test", "", "re@x.test", public_url, COLUMNS, template)

    (entry,) = Personalizer(TEAM, BROADCAST, SendKind.BROADCAST, fixed, (), KEYS).entries(
        [Recipient(seq, "ann@x.test", values)]
    )

    token = link_token(KEYS, LinkSubject(TEAM, BROADCAST, seq))
    url = unsubscribe_url(public_url, token) if public_url else ""
    assert entry.data == json.dumps(template.data(dict(zip(COLUMNS, values, strict=False)), url))
    assert entry.headers == unsubscribe_headers(url=url, reply_to="re@x.test")

"""What a canvas says, as the HTML and the plain text of a mail."""

import re

import pytest

from bot.broadcast.content.canvas import canvas_page, mentioned, pictured
from bot.broadcast.content.compiler import Footer, compile_template
from bot.broadcast.content.html_sanitizer import sanitize

NAMES = {"U0ANN0001": "@Ann", "C0NEWS001": "#news"}
PICTURES = {
    "F0KITE0001": {"name": "red kite.png", "alt": "A kite", "width": 1200, "type": "image/png"},
    "F0GONE0001": None,
}
GOLDEN = {  # Markdown: HTML without its styles, text
    "# One\n\n## Two\n\n### Three": ("<h1>One</h1>\n<h2>Two</h2>\n<h3>Three</h3>", "One\n\nTwo\n\nThree"),
    "**b** *i* ~~s~~ `c`": (
        "<p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code></p>",
        "b i s c",
    ),
    "one\ntwo\\\nthree": ("<p>one\ntwo<br>\nthree</p>", "one two\nthree"),
    "- a\n  - b\n- c": ("<ul>\n<li>a\n<ul>\n<li>b</li>\n</ul>\n</li>\n<li>c</li>\n</ul>", "- a\n\n- b\n\n- c"),
    "3. a\n4. b": ('<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>', "3. a\n4. b"),
    "- [ ] a\n- [x] b": ("<ul>\n<li>☐ a</li>\n<li>☑ b</li>\n</ul>", "- ☐ a\n- ☑ b"),
    "[site](https://a.test/?x={{id}}&y=1)": (
        '<p><a href="https://a.test/?x={{id}}&amp;y=1">site</a></p>',
        "site (https://a.test/?x={{id}}&y=1)",
    ),
    "> said": ("<blockquote>\n<p>said</p>\n</blockquote>", "said"),
    "```\nif 1 < 2:\n    x()\n```": (
        "<pre><code>if 1 &lt; 2:<br>&nbsp;&nbsp;&nbsp;&nbsp;x()</code></pre>",
        "if 1 < 2:\n\u00a0\u00a0\u00a0\u00a0x()",
    ),
    "| A | B |\n|---|---|\n| {{x|y}} | 2 |": (
        "<table><thead><tr><th>A</th><th>B</th></tr></thead><tbody><tr><td>{{x|y}}</td><td>2</td></tr></tbody></table>",
        "A B\n{{x|y}} 2",
    ),
    "a\n\n---\n\nb": ("<p>a</p>\n<hr>\n<p>b</p>", "a\n\n---\n\nb"),
    "![](@U0ANN0001) in ![](#C0NEWS001)": ("<p>@Ann in #news</p>", "@Ann in #news"),
    "![](@U0GONE001)": ("<p>somebody</p>", "somebody"),
    "![](https://docs.test/a)": ('<p><a href="https://docs.test/a">https://docs.test/a</a></p>', "https://docs.test/a"),
    "a ![](https://files.slack.com/x.png) ![](https://acme.slack.com/docs/T1/F1)": ("<p>a  </p>", "a"),
    "![Ours](https://files.slack.com/files-pri/T1-F0KITE0001/red%20kite.png)": (
        '<p><img src="cid:red kite.png" alt="Ours"></p>',
        "[Ours]",
    ),
    "a ![](https://acme.slack.com/files/U1/F0KITE0001/x.png) b": (
        '<p>a <img src="cid:red kite.png" alt="A kite"> b</p>',
        "a [A kite] b",
    ),
    "a ![](https://files.slack.com/files-pri/T1-F0GONE0001/x.png)": ("<p>a </p>", "a"),
    "<b onclick=x()>raw</b>": ("<p>&lt;b onclick=x()&gt;raw&lt;/b&gt;</p>", "<b onclick=x()>raw</b>"),
    "[bad](javascript:x)": ("<p>[bad](javascript:x)</p>", "[bad](javascript:x)"),
}


def mail(markdown: str) -> tuple[str, str]:
    """HTML and text of the message, without what stands around it in every mail, and without styles."""
    html, removed = sanitize(canvas_page(markdown, NAMES, PICTURES).html.encode())
    assert removed == {}
    template = compile_template("News", "", {"type": "html", "html": html}, ["id", "x"], Footer())
    message = re.sub(r' style="[^"]*"', "", html)
    return message.removeprefix('<div dir="auto">').removesuffix("</div>").strip(), template.text


def plain(text: str) -> str:
    """A text without the names of its fields, and with one space where there are more."""
    return re.sub(r" +\n", "\n", re.sub(r" +", " ", re.sub(r"{{[^}]*}}", "{{…}}", text)))


@pytest.mark.parametrize("markdown", GOLDEN)
def test_each_element_is_taken_over(markdown: str) -> None:
    html, text = GOLDEN[markdown]

    made, source = mail(markdown)

    assert re.sub(r"\n(?=</?t)", "", made) == html
    assert plain(source.partition("\n\n--\n")[0]) == plain(text)


def test_what_became_something_else_and_what_is_left_out_is_counted() -> None:
    page = canvas_page(
        "![](@U0ANN0001) ![](#C0NEWS001) ![](https://docs.test) ![a](https://files.slack.com/x.png)", NAMES, {}
    )

    assert page.changed == {"mention": 2, "card": 1}
    assert page.removed == {"picture": 1}


@pytest.mark.parametrize("nothing", ["", " \n", "---", "![](https://files.slack.com/x.png)"])
def test_a_canvas_that_says_nothing_is_an_empty_page(nothing: str) -> None:
    assert canvas_page(nothing, {}, {}).html == ""


def test_each_file_that_it_shows_is_asked_for_once() -> None:
    shown = "![](https://files.slack.com/files-pri/T1-F0KITE0001/a.png)"
    others = "![](https://docs.test/F0KITE0002/a.png) ![](https://slack.com.evil.test/F0KITE0003) ![](@U0ANN0001)"

    assert pictured(f"{shown} {shown} {others} ![a](https://acme.slack.com/docs/T1/F0KITE0004?x)") == [
        "F0KITE0001",
        "F0KITE0004",
    ]


def test_each_one_mentioned_is_asked_for_once() -> None:
    assert mentioned("![](@U0ANN0001) ![](#C0NEWS001) ![](@U0ANN0001) ![](https://a.test)") == [*NAMES]

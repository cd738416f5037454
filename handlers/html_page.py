"""The frame of the pages that people open in a browser."""

from html import escape
from typing import Final

COLUMN: Final = """body { font: 1.125rem/1.5 system-ui, sans-serif; margin: 15vh auto; max-width: 32rem }
body { padding: 0 1rem; color: #1d1c1d; background: #fff; overflow-wrap: anywhere }
a { color: #14532d }
@media (prefers-color-scheme: dark) { body { color: #e8e8e8; background: #1a1d21 } a { color: #86efac } }
"""
"""The rules of a page that says one thing, by day and in the dark."""


def html_page(title: str, body: str, css: str = COLUMN, *, language: str = "en") -> str:
    """Return a page that is in no search engine; it loads nothing. `body` is HTML, `title` is text."""
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
<style>
{css}</style>
</head>
<body>{body}</body>
</html>
"""

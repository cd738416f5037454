"""How a team's mails look: its logo, one colour, the font of its headings, and words at their foot.

A colour is used for links, headings and a line, never behind text. Where it is too faint to be read, a darker shade
takes its place, in the dark a lighter one: https://www.w3.org/TR/WCAG22/#contrast-minimum
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Any, Final

from bot.broadcast.content.images import Image
from bot.ses.bulk_send import InlineImage
from storage import HeadingFont, Session, TeamLook

LEGIBLE: Final = 4.5  # contrast of text of usual size
LOGO_WIDTH: Final = 400  # pixels: twice what is shown, for fine screens
_SHOWN: Final = (200, 80)  # pixels, at most
_LIGHT: Final = "#ffffff"
_DARK: Final = "#262626"  # the lightest of the backgrounds that mail programs have in the dark
_SHADES: Final = 100
_FONTS: Final = {
    HeadingFont.SYSTEM: "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
    HeadingFont.SERIF: "Georgia,'Times New Roman',Times,serif",
}
_LOGO: Final = "max-width:100%;height:auto"

_NARROW: Final = "@media (max-width:600px){%s}"
_IN_THE_DARK: Final = "@media (prefers-color-scheme:dark){%s}"
_FILE: Final = "table,img{max-width:100%!important}img{height:auto!important}"
_SMALL: Final = (
    "h1{font-size:24px!important}h2{font-size:20px!important}"
    "th,td{padding:4px 6px!important;font-size:14px!important;word-break:break-word!important}"
)
_PAGE_IN_THE_DARK: Final = (
    "div,p,li,th,td,h1,h2,h3{color:#eee!important}blockquote{color:#bbb!important}"
    "blockquote,th,td,hr{border-color:#666!important}pre{background-color:#3a3a3a!important}"
)


class Layout(StrEnum):
    """Who decides how a message looks."""

    WRITTEN = "written"  # here: the column is ours
    CANVAS = "canvas"  # its headings, tables and lists are styled by us
    FILE = "file"  # an HTML page brings its own, and is only made to fit


@dataclass(frozen=True, slots=True)
class Look:
    """`colour` is `#rrggbb` or empty; the logo is as `import_image` made it, with what it shows as `alt`."""

    logo: Image | None = None
    colour: str = ""
    heading_font: HeadingFont = HeadingFont.SYSTEM
    footer_words: str = ""

    @property
    def logo_type(self) -> str:
        return str(self.logo["type"]).removeprefix("image/").replace("jpeg", "jpg") if self.logo else ""

    @property
    def logo_part(self) -> tuple[InlineImage, ...]:
        """The logo as a part of a mail; nothing where there is none."""
        if self.logo is None:
            return ()
        return (InlineImage(self._content_id, self.logo["type"], b64decode(self.logo["data"])),)

    @property
    def weight(self) -> int:
        """Bytes that the logo adds to a mail: it travels as base64."""
        return len(self.logo["data"]) if self.logo else 0

    @property
    def _content_id(self) -> str:
        return f"logo.{self.logo_type}"

    def of(self, layout: Layout) -> "Look":
        """Return what of it a message has: an HTML page brings its own."""
        return Look(footer_words=self.footer_words) if layout is Layout.FILE else self

    def as_data_url(self, html: str) -> str:
        """Return a mail's HTML with the logo in it, for a browser."""
        if self.logo is None:
            return html
        return html.replace(
            f'src="cid:{self._content_id}"', f'src="data:{self.logo["type"]};base64,{self.logo["data"]}"'
        )

    def header(self, layout: Layout) -> str:
        """Return what stands above the text: the logo, and a line in the colour; empty where there is neither."""
        below = 24 if layout is Layout.WRITTEN else 0  # pixels; a page begins with room of its own
        line = f"3px solid {self.colour}" if self.colour else "0"
        if self.logo is None:
            return f'<div class="line" style="margin:0 0 {below}px;border-top:{line}"></div>\n' if self.colour else ""
        width = round(min(1, _SHOWN[0] / self.logo["width"], _SHOWN[1] / self.logo["height"]) * self.logo["width"])
        logo = (
            f'<img class="logo" src="cid:{self._content_id}" alt="{escape(self.logo["alt"])}" width="{max(1, width)}" '
            f'border="0" style="{_LOGO}">'
        )
        return f'<div class="line" style="margin:0 0 {below}px;padding:0 0 16px;border-bottom:{line}">{logo}</div>\n'

    def css(self, layout: Layout) -> str:
        """Return the rules that stand in the head of a mail, media queries among them; empty where none is needed."""
        if layout is Layout.FILE:
            return _NARROW % _FILE
        light, dark = "", ""
        headings = "h1,h2,h3" if layout is Layout.CANVAS else ""
        if headings:
            light += f"{headings}{{font-family:{_FONTS[self.heading_font]}}}"
            dark += _PAGE_IN_THE_DARK
        if self.colour:
            coloured = f"a,{headings}" if headings else "a"
            light += f"{coloured}{{color:{legible(self.colour, _LIGHT)}}}"
            lighter = legible(self.colour, _DARK)
            dark += f"{coloured}{{color:{lighter}!important}}.line{{border-color:{lighter}!important}}"
        if self.logo:
            dark += ".logo{background-color:#fff;padding:8px;border-radius:4px}"
        narrow = _NARROW % _SMALL if headings else ""
        return light + narrow + (_IN_THE_DARK % dark if dark else "")

    def to_json(self) -> dict[str, Any]:
        return {
            "logo": dict(self.logo) if self.logo else None,
            "colour": self.colour,
            "heading_font": self.heading_font,
            "footer_words": self.footer_words,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Look":
        font = HeadingFont(stored.get("heading_font", HeadingFont.SYSTEM))
        return cls(stored.get("logo"), stored.get("colour", ""), font, stored.get("footer_words", ""))


async def look_of(session: Session, team_id: str) -> Look:
    """Return how the team's mails look now."""
    row = await session.get(TeamLook, team_id)
    return Look(row.logo or None, row.colour, row.heading_font, row.footer_words) if row else Look()


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def legible(colour: str, background: str) -> str:
    """Return the colour, or the nearest darker or lighter shade of it that can be read on a background."""
    toward = "#000000" if _luminance(background) > 0.5 else "#ffffff"
    shades = (_mixed(colour, toward, step / _SHADES) for step in range(_SHADES + 1))
    return next(shade for shade in shades if contrast(shade, background) >= LEGIBLE)


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _mixed(one: str, other: str, share: float) -> str:
    both = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in both)


def _luminance(colour: str) -> float:
    parts = (channel / 255 for channel in _channels(colour))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

"""The picture under a report: how many were delivered, bounced, complained, and when.

It is drawn with Pillow and its own font on an opaque card, so that it reads the same in Slack's light and dark mode.
The three outcomes differ in brightness as well as in colour (Okabe and Ito's palette), and each is named with its
number. Complaints and bounces are few beside deliveries, so they have an axis of their own.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from bot.broadcast.reporting.timeline import Timeline
from bot.wording import count
from storage import DeliveryState

ALT_TEXT_LIMIT = 1000  # https://docs.slack.dev/reference/methods/files.getUploadURLExternal
NAMES = {
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.BOUNCED: "bounced",
    DeliveryState.COMPLAINED: "complained",
}
_COLOURS = {
    DeliveryState.DELIVERED: "#0072B2",
    DeliveryState.BOUNCED: "#E69F00",
    DeliveryState.COMPLAINED: "#7A1F5C",
}
_CARD, _INK, _QUIET, _GRID = "#FBFBFA", "#1D1C1D", "#5C5B5D", "#DEDDDB"
_FINER = 2  # drawn this much larger, then made smaller: smooth edges
_WIDTH, _HEIGHT = 1200, 620
_APART = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)  # seconds
_LEFT, _RIGHT = 92, _WIDTH - 40
_UPPER, _LOWER = (176, 396), (458, 566)  # top and bottom of the two panels


def alt_text(line: Timeline) -> str:
    """Say in words what the picture shows."""
    totals = ", ".join(f"{line.total(outcome):,} {name}" for outcome, name in NAMES.items())
    delivered = line.counts[DeliveryState.DELIVERED]
    busiest = max(range(line.steps), key=lambda step: delivered[step])
    most = f"; most in the {_step(line)} from {line.start + busiest * line.step:%H:%M:%S}" if any(delivered) else ""
    text = (
        f"Chart of a broadcast to {count(line.size, 'recipient')}, from {line.start:%H:%M:%S} to "
        f"{line.end:%H:%M:%S UTC} on {_day(line)}: {totals}{most}."
    )
    return text[:ALT_TEXT_LIMIT]


def draw(line: Timeline) -> bytes:
    """Return the picture as a PNG."""
    image = Image.new("RGB", (_WIDTH * _FINER, _HEIGHT * _FINER), _CARD)
    pen = _Pen(ImageDraw.Draw(image))
    _legend(pen, line)
    delivered = [(DeliveryState.DELIVERED, line.counts[DeliveryState.DELIVERED])]
    others = [(outcome, line.counts[outcome]) for outcome in (DeliveryState.BOUNCED, DeliveryState.COMPLAINED)]
    _panel(pen, _UPPER, f"Delivered per {_step(line)}", delivered)
    _panel(pen, _LOWER, f"Bounced and complained per {_step(line)}", others)
    _times(pen, line)
    png = io.BytesIO()
    image.resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS).save(png, "PNG", optimize=True)
    return png.getvalue()


@dataclass(frozen=True, slots=True)
class _Pen:
    """Draws in the picture's own measure."""

    to: ImageDraw.ImageDraw

    def text(self, x: float, y: float, text: str, size: int, colour: str = _QUIET, anchor: str = "ls") -> float:
        """Write, and return where the text ends."""
        font = ImageFont.load_default(size * _FINER)
        self.to.text((x * _FINER, y * _FINER), text, colour, font, anchor)
        return x + self.to.textlength(text, font) / _FINER

    def box(self, left: float, top: float, right: float, bottom: float, colour: str, *, radius: float = 0) -> None:
        corners = (left * _FINER, top * _FINER, right * _FINER - 1, bottom * _FINER - 1)
        self.to.rounded_rectangle(corners, radius * _FINER, colour)


def _legend(pen: _Pen, line: Timeline) -> None:
    x = float(_LEFT - 52)
    for outcome, name in NAMES.items():
        pen.box(x, 44, x + 18, 62, _COLOURS[outcome], radius=4)
        end = pen.text(x + 30, 64, f"{line.total(outcome):,}", 34, _INK)
        x = pen.text(end + 10, 64, name, 24) + 48
    pen.text(_LEFT - 52, 108, f"{count(line.size, 'recipient')} · {_day(line)}, times in UTC", 22)


def _panel(
    pen: _Pen, span: tuple[int, int], title: str, stacked: Sequence[tuple[DeliveryState, Sequence[int]]]
) -> None:
    """Draw bars, one on the other, over a grid that says how high they are."""
    top, bottom = span
    pen.text(_LEFT - 52, top - 20, title, 20)
    heights = [sum(step) for step in zip(*(counts for _, counts in stacked), strict=True)]
    scale = _scale(max(heights))
    for mark in scale:
        y = bottom - (bottom - top) * mark / scale[-1]
        pen.box(_LEFT, y - 0.5, _RIGHT, y + 0.5, _QUIET if mark == 0 else _GRID)
        pen.text(_LEFT - 12, y, f"{mark:,}", 18, anchor="rm")
    width = (_RIGHT - _LEFT) / len(heights)
    gap = min(3.0, width * 0.15)
    for step in range(len(heights)):
        base = float(bottom)
        for outcome, counts in stacked:
            if not counts[step]:
                continue
            tall = max(3.0, (bottom - top) * counts[step] / scale[-1])  # one of a million is seen too
            left = _LEFT + step * width
            pen.box(left + gap, base - tall, left + width - gap, base, _COLOURS[outcome])
            base -= tall


def _times(pen: _Pen, line: Timeline) -> None:
    """Mark round times, seven at most."""
    seconds = int(line.step.total_seconds())
    apart = next((each for each in _APART if each % seconds == 0 and line.steps * seconds <= 7 * each), 7 * 86_400)
    form = "%H:%M:%S" if apart < 60 else "%H:%M" if apart < 86_400 else "%d %b"
    for step in range(line.steps):
        at = line.start + step * line.step
        if int(at.timestamp()) % apart:
            continue
        x = _LEFT + (_RIGHT - _LEFT) * step / line.steps
        pen.box(x - 0.5, _LOWER[1], x + 0.5, _LOWER[1] + 8, _QUIET)
        pen.text(x, _LOWER[1] + 30, f"{at:{form}}", 18, anchor="ms")


def _scale(highest: int) -> list[int]:
    """Return round whole numbers from 0 to at least the highest, with at most five steps."""
    least = max(highest, 1) / 4
    power = 10 ** math.floor(math.log10(least)) if least >= 1 else 1
    step = next(each for each in (power, 2 * power, 5 * power, 10 * power) if each >= least)
    return list(range(0, step * math.ceil(max(highest, 1) / step) + 1, step))


def _step(line: Timeline) -> str:
    """Say how long a step is: `second`, `5 minutes`, `hour`."""
    seconds = int(line.step.total_seconds())
    unit, length = next(each for each in (("hour", 3600), ("minute", 60), ("second", 1)) if seconds % each[1] == 0)
    return unit if seconds == length else f"{seconds // length} {unit}s"


def _day(line: Timeline) -> str:
    return f"{line.start.day} {line.start:%B %Y}"

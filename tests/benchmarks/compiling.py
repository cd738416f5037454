"""Making a mail of a page of 100 KB with five images: sanitised, compiled, and filled for one recipient."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

from PIL import Image

from bot.broadcast.content.compiler import Footer, compile_template, render
from bot.broadcast.content.html_sanitizer import sanitize
from bot.broadcast.content.image_converter import convert
from bot.broadcast.content.images import WIDTH
from tests.benchmarks.measure import Measured, at_most, say, spending

SIZE = 100_000
IMAGES = 5
MOST_SECONDS = 0.5


async def compiling(scale: float) -> Sequence[Measured]:
    times = max(3, int(10 * scale))
    document = page(SIZE)
    with spending() as of_images:
        images = [
            {**convert(photo(number), WIDTH), "name": f"{number}.jpg", "alt": "A kite"} for number in range(IMAGES)
        ]
    with spending() as spent:
        for _ in range(times):
            html, removed = sanitize(document)
            body = {"type": "html", "html": html, "removed": removed}
            letter = compile_template("News", "", body, ["first_name"], Footer(), images)
            render(letter, letter.data({"first_name": "Ann"}, "https://mail.example.net/u/abc"))
    say(f"{len(html):,} characters of HTML; the images, once, took {of_images.cpu:.2f} s of CPU")
    return [at_most("compile", spent.cpu / times, "s CPU a mail of 100 KB", MOST_SECONDS)]


def page(size: int) -> bytes:
    """A newsletter of tables, with a style sheet, links, fields and images."""
    style = (
        "<style>p { color: #333; margin: 0 0 16px } td { padding: 8px; vertical-align: top } .b { font-weight: 700 }"
    )
    item = (
        '<table width="100%" cellpadding="0"><tr><td width="120"><img src="{image}.jpg" alt="A kite" width="120"></td>'
        '<td><p class="b">{number}. Hello {{{{first_name|there}}}}</p><p>Kites fly <a href="https://example.com/{number}'
        '?who={{{{first_name}}}}">higher</a> than you think.</p></td></tr></table>'
    )
    items, number = [f"{style}</style>"], 0
    while sum(map(len, items)) < size:
        number += 1
        items.append(item.format(number=number, image=number % IMAGES))
    return "".join(items).encode()


def photo(seed: int) -> bytes:
    """A JPEG of 800 by 500 pixels, as programs export them."""
    noise = Image.frombytes("RGB", (40, 25), random.Random(seed).randbytes(40 * 25 * 3))  # noqa: S311 - of noise
    written = io.BytesIO()
    noise.resize((800, 500)).save(written, "JPEG", quality=80)
    return written.getvalue()

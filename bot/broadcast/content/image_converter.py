"""A picture made fit for a mail: upright, no wider than it is to be, and without what it tells of its camera or place.

Decoders of pictures meet hostile files, so this module is also a program of its own (images.py runs it).
"""

import io
import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

from PIL import Image, ImageCms, ImageOps, ImageSequence

from bot.broadcast.limited_process import limit_process

MOST_PIXELS: Final = 25_000_000
QUALITY: Final = 85

_TYPES: Final = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "GIF": "image/gif"}  # MPO: of phones


class UnreadableError(Exception):
    """The bytes are no picture of a kind that every mail program shows."""


class TooManyPixelsError(Exception):
    """Decoding it would take too long."""


def convert(data: bytes, width: int) -> dict[str, Any]:
    """Make it at most so many pixels wide; return `{"type": …, "width": …, "height": …, "data": base64}`.

    Raises:
        UnreadableError: it is no PNG, JPEG or GIF, or broken.
        TooManyPixelsError: looked at before anything is decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "PNG", "GIF"]) as image:
            kind = _TYPES[image.format or ""]
            if image.width * image.height > MOST_PIXELS:
                raise TooManyPixelsError
            made, size = _gif(image, width) if kind == "image/gif" else _still(image, kind, width)
    except (OSError, SyntaxError, ValueError, KeyError, EOFError):
        raise UnreadableError from None
    return {"type": kind, "width": size[0], "height": size[1], "data": b64encode(made).decode()}


def _still(image: Image.Image, kind: str, width: int) -> tuple[bytes, tuple[int, int]]:
    upright = _without_notes(_fitted(_in_common_colours(ImageOps.exif_transpose(image)), width))
    written = io.BytesIO()
    if kind == "image/jpeg":
        upright.convert("RGB").save(written, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    else:
        upright.save(written, "PNG", optimize=True)
    return written.getvalue(), upright.size


def _gif(image: Image.Image, width: int) -> tuple[bytes, tuple[int, int]]:
    """Keep an animation one: each frame with the time that it is shown."""
    times: list[int] = []

    def frames() -> Iterator[Image.Image]:
        for frame in ImageSequence.Iterator(image):
            times.append(frame.info.get("duration", 0))
            yield _without_notes(_fitted(frame.convert("RGBA"), width))

    first, *others = frames()
    written = io.BytesIO()
    more = {"duration": times, "loop": image.info["loop"]} if "loop" in image.info else {"duration": times}
    first.save(written, "GIF", save_all=True, append_images=others, disposal=2, optimize=True, **more)
    return written.getvalue(), first.size


def _in_common_colours(image: Image.Image) -> Image.Image:
    """Return it in sRGB: its profile of colours does not go along."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in {"RGB", "CMYK"}:
        return image
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        made = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return made or image


def _fitted(image: Image.Image, width: int) -> Image.Image:
    if image.width <= width:
        return image
    if image.mode == "P":  # colours of a palette cannot be mixed
        image = image.convert("RGBA")
    return image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS)


def _without_notes(image: Image.Image) -> Image.Image:
    """Return it without the texts, places and profiles that would be written again."""
    image = image.copy()
    image.info = {name: value for name, value in image.info.items() if name == "transparency"}
    return image


def main() -> None:
    """Read a picture from standard input, write what became of it to standard output."""
    limit_process()
    try:
        made: dict[str, Any] = convert(sys.stdin.buffer.read(), int(sys.argv[1]))
    except UnreadableError:
        made = {"refused": "unreadable"}
    except TooManyPixelsError:
        made = {"refused": "pixels"}
    json.dump(made, sys.stdout)


if __name__ == "__main__":
    main()

"""The pictures of a mail: parts of it, which its HTML names; each is sent once a call, whoever the recipients are."""

import asyncio
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bot.broadcast import limited_process
from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.rich_text import Block, Inline, Item, List, Paragraph, Picture, Run, trimmed
from bot.errors import BotError
from bot.ses.bulk_send import InlineImage

MOST: Final = 10
FILE_LIMIT: Final = 10_000_000  # bytes
NAME_LIMIT: Final = 100  # characters
FIELD: Final = "images"
EMOJI_HEIGHT: Final = 22  # pixels
FROM_BODY: Final = "from_body"
"""A member of those that came with the body, of a canvas or a page: they go where it goes."""

WIDTH: Final = 1200  # pixels: twice what a mail is wide, for fine screens
_PROGRAM: Final = "bot.broadcast.content.image_converter"
_EXTENSIONS: Final = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif"}

Image = Mapping[str, Any]
"""As it is stored: `name`, `alt`, `type`, `width`, `height`, and `data` in base64; it may have `FROM_BODY`."""


def file_too_large(_size: int, field: str = FIELD) -> BotError:
    return BotError(
        ContentCode.IMAGE_TOO_LARGE,
        f"An image is larger than {FILE_LIMIT / 1e6:.0f} MB.",
        f"Save it smaller: a mail shows it at most {WIDTH} pixels wide.",
        field=field,
    )


async def import_image(
    data: bytes, name: str, alt: str = "", *, field: str = FIELD, width: int = WIDTH
) -> dict[str, Any]:
    """Make a file fit for a mail, in a process of its own: at most so many pixels wide.

    Raises:
        BotError: for the field; IMAGE_TOO_LARGE, IMAGE_INVALID.
    """
    if len(data) > FILE_LIMIT:
        raise file_too_large(len(data), field)
    name = "".join(character for character in name if character.isprintable())[-NAME_LIMIT:]
    try:
        made = await asyncio.to_thread(limited_process.run, _PROGRAM, data, str(width))
    except limited_process.CrashedError:
        made = {"refused": "unreadable"}
    match made.get("refused"):
        case None:
            return {"name": name, "alt": alt, **made}
        case "pixels":
            sentence = f"The image {name} has more than 25 megapixels."
            raise BotError(ContentCode.IMAGE_TOO_LARGE, sentence, "Save it smaller.", field=field)
        case _:
            sentence = f"The image {name} cannot be read as PNG, JPEG or GIF."
            raise BotError(ContentCode.IMAGE_INVALID, sentence, "Save it as one of them.", field=field)


def chosen_images(images: Iterable[Image]) -> list[Image]:
    """Return those that a person chose."""
    return [image for image in images if not image.get(FROM_BODY)]


def images_of_body(images: Iterable[Image]) -> list[Image]:
    """Return those that came with the body."""
    return [image for image in images if image.get(FROM_BODY)]


def joined(kept: Iterable[Image], added: Iterable[Image]) -> list[dict[str, Any]]:
    """Return the images that are chosen for a draft; of two with one name the later.

    Raises:
        BotError: IMAGES_TOO_MANY, for the field `images`.
    """
    by_name = {image["name"]: dict(image) for image in (*kept, *added)}
    if len(by_name) > MOST:
        raise BotError(
            ContentCode.IMAGES_TOO_MANY,
            f"A mail has {MOST} images at most, and these are {len(by_name)}.",
            field=FIELD,
        )
    return [*by_name.values()]


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a name that no other image has: Slack calls every screenshot image.png."""
    others = {*taken}
    stem, dot, ending = name.rpartition(".")
    names = (f"{stem or ending}-{number}{dot}{ending if stem else ''}" for number in range(2, len(others) + 3))
    return name if name not in others else next(each for each in names if each not in others)


def content_id(number: int, image: Image) -> str:
    """Return what names it in the mail: what it was called on somebody's computer nobody needs to know."""
    return f"image{number + 1}.{_EXTENSIONS[image['type']]}"


def inline_images(images: Sequence[Image], used: Iterable[int]) -> tuple[InlineImage, ...]:
    """Return those that a message shows as the parts of its mails."""
    return tuple(
        InlineImage(content_id(number, images[number]), images[number]["type"], b64decode(images[number]["data"]))
        for number in used
    )


def weight(images: Sequence[Image], used: Iterable[int]) -> int:
    """Return the bytes that those add to a mail, and to a call: they travel as base64."""
    return sum(len(images[number]["data"]) for number in used)


def as_data_urls(html: str, images: Sequence[Image], used: Iterable[int]) -> str:
    """Return a mail's HTML with the pictures in it, for a browser."""
    for number in used:
        image = images[number]
        html = html.replace(
            f'src="cid:{content_id(number, image)}"', f'src="data:{image["type"]};base64,{image["data"]}"'
        )
    return html


def placed(blocks: Sequence[Block], images: Sequence[Image]) -> tuple[Block, ...]:
    """Return the message with its pictures: each where a line says its name alone, the others below.

    After the name and a colon a line may say what the picture shows. Those that came with it are its emoji.
    """
    if not images:
        return tuple(blocks)
    emoji = {image["name"]: _emoji(number, image) for number, image in enumerate(images) if image.get(FROM_BODY)}
    numbers = {image["name"]: number for number, image in enumerate(images) if not image.get(FROM_BODY)}
    made: list[Block] = []
    for block in (_with_emoji(block, emoji) for block in blocks):
        made += _with_pictures(block, numbers, images) if isinstance(block, Paragraph) else [block]
    shown = {block.number for block in made if isinstance(block, Picture)}
    below = (number for number in numbers.values() if number not in shown)
    return (*made, *(_picture(number, images[number], "") for number in below))


def _with_pictures(paragraph: Paragraph, numbers: Mapping[str, int], images: Sequence[Image]) -> Iterator[Block]:
    above: list[Run] = []
    for content in _lines(paragraph.content):
        name, alt = _named("".join(run.text for run in content).strip(), numbers)
        if name:
            yield from _text(above)
            above = []
            yield _picture(numbers[name], images[numbers[name]], alt)
        else:
            above += content
    yield from _text(above)


def _named(line: str, names: Iterable[str]) -> tuple[str, str]:
    """Return which image a line is, and what it says of it; nothing where it is text."""
    for name in names:
        if line == name:
            return name, ""
        rest = line.removeprefix(name).lstrip()
        if line.startswith(name) and rest.startswith(":"):
            return name, rest[1:].strip()
    return "", ""


def _text(runs: list[Run]) -> Iterator[Paragraph]:
    content = trimmed(tuple(runs))
    if any(run.text.strip() for run in content):
        yield Paragraph(content)


def _lines(content: Inline) -> Iterator[list[Run]]:
    """Yield the lines, each with its end."""
    line: list[Run] = []
    for run in content:
        first, *others = run.text.splitlines(keepends=True)
        line.append(replace(run, text=first))
        for other in others:
            yield line
            line = [replace(run, text=other)]
        if run.text.endswith("\n"):
            yield line
            line = []
    yield line


def _with_emoji(block: Block, emoji: Mapping[str, Picture]) -> Block:
    if not emoji or isinstance(block, Picture):
        return block
    if isinstance(block, List):
        return replace(block, items=tuple(_item_with_emoji(item, emoji) for item in block.items))
    return replace(block, content=_in_line(block.content, emoji))


def _item_with_emoji(item: Item, emoji: Mapping[str, Picture]) -> Item:
    lists = (_with_emoji(inner, emoji) for inner in item.lists)
    return Item(_in_line(item.content, emoji), tuple(inner for inner in lists if isinstance(inner, List)))


def _in_line(content: Inline, emoji: Mapping[str, Picture]) -> Inline:
    return tuple(replace(run, picture=emoji.get(run.text)) if run.is_emoji else run for run in content)


def _emoji(number: int, image: Image) -> Picture:
    width = max(1, round(EMOJI_HEIGHT * image["width"] / image["height"]))
    return Picture(number, content_id(number, image), image["alt"], width)


def _picture(number: int, image: Image, alt: str) -> Picture:
    return Picture(number, content_id(number, image), alt or image["alt"], image["width"])

"""What becomes of a picture that somebody chose, and where it stands in a mail."""

import io
from base64 import b64decode
from typing import Any

import pytest
from PIL import Image, ImageSequence
from PIL.PngImagePlugin import PngInfo

from bot.broadcast.content import image_converter
from bot.broadcast.content.images import FILE_LIMIT, as_data_urls, import_image, joined
from bot.broadcast.content.message import CompiledMessage, Personalizer, Recipient
from bot.broadcast.content.ses_template import Template
from bot.broadcast.content.warnings import image_remarks
from bot.errors import BotError
from bot.ses.bulk_send import CALL_BYTES
from storage.states import SendKind
from tests.unit.broadcast.composing import mail, template, typed
from tests.unit.broadcast.test_html import body_of

ORIENTATION = 0x0112


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: Any) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, "red" if mode == "RGB" else 0).save(written, kind, **options)
    return written.getvalue()


def animation(frames: int, size: tuple[int, int]) -> bytes:
    written = io.BytesIO()
    first, *others = (Image.new("RGB", size, (number * 40, 0, 0)) for number in range(frames))
    first.save(written, "GIF", save_all=True, append_images=others, duration=70, loop=0, comment=b"canary")
    return written.getvalue()


def stored(name: str, *, alt: str = "", weight: int = 100, width: int = 40) -> dict[str, Any]:
    return {"name": name, "alt": alt, "type": "image/png", "width": width, "height": 20, "data": "x" * weight}


def converted(data: bytes) -> tuple[bytes, Image.Image]:
    made = b64decode(image_converter.convert(data, 1200)["data"])
    return made, Image.open(io.BytesIO(made))


def codes(body: dict[str, Any], *images: dict[str, Any]) -> list[str]:
    return [remark.code for remark in image_remarks(body, images)]


# Conversion


def test_a_photo_is_turned_upright_made_smaller_and_says_nothing_of_its_camera() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # turned by a quarter
    exif[0x010F] = "canary"  # make of the camera
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 0.0)  # where it was taken

    made, image = converted(picture("JPEG", (1600, 3000), exif=exif, comment=b"canary"))

    assert image.format == "JPEG"
    assert image.size == (1200, 640)
    assert not image.getexif()
    assert b"canary" not in made


def test_a_png_keeps_what_is_transparent_and_loses_its_notes() -> None:
    notes = PngInfo()
    notes.add_text("Author", "canary")
    written = io.BytesIO()
    Image.new("RGBA", (2400, 10), (255, 0, 0, 0)).save(written, "PNG", pnginfo=notes, icc_profile=b"canary" * 9)

    made, image = converted(written.getvalue())

    assert (image.format, image.size, image.mode) == ("PNG", (1200, 5), "RGBA")
    assert image.getchannel("A").getextrema() == (0, 0)
    assert b"canary" not in made


def test_an_animation_stays_one() -> None:
    made, image = converted(animation(3, (1300, 130)))

    assert (image.format, image.size) == ("GIF", (1200, 120))
    assert [frame.info["duration"] for frame in ImageSequence.Iterator(image)] == [70, 70, 70]
    assert image.info["loop"] == 0
    assert b"canary" not in made


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "IMAGE_INVALID"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "IMAGE_INVALID"),
        (picture("BMP"), "IMAGE_INVALID"),
        (picture("WEBP"), "IMAGE_INVALID"),
        (picture("JPEG", (400, 400))[:900], "IMAGE_INVALID"),
        (picture("PNG", (10_000, 6_000), "1"), "IMAGE_TOO_LARGE"),
        (b"\0" * (FILE_LIMIT + 1), "IMAGE_TOO_LARGE"),
    ],
    ids=["nothing", "SVG", "BMP", "WebP", "cut off", "60 megapixels", "11 MB"],
)
async def test_what_no_mail_program_shows_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(BotError) as caught:
        await import_image(data, "kite.png")

    assert (caught.value.code, caught.value.field) == (code, "images")


async def test_a_file_becomes_an_image_of_its_name_and_description() -> None:
    made = await import_image(picture(), "kite\u202e.png", "A red kite")

    assert (made["name"], made["alt"], made["type"], made["width"]) == ("kite.png", "A red kite", "image/png", 40)


def test_of_two_with_one_name_the_later_stays_and_ten_are_the_most() -> None:
    old, new = stored("kite.png", alt="old"), stored("kite.png", alt="new")

    assert joined([old], [new]) == [new]
    with pytest.raises(BotError, match="10 images at most"):
        joined([stored(f"{number}.png") for number in range(10)], [new])


# Its place in a mail


def test_an_image_stands_where_a_line_names_it_and_the_others_below() -> None:
    images = stored("logo.png"), stored("kite.png", width=1200), stored("end.png", alt="The end")
    made = mail(typed("Above\nkite.png: A {{first_name}} kite\nBelow logo.png"), {"first_name": 'red"'}, images=images)

    html = made.html
    shown = [html.index(f"cid:image{number}.png") for number in (2, 1, 3)]
    assert html.index("Above") < shown[0] < html.index("Below logo.png") < shown[1] < shown[2]
    assert '<img src="cid:image2.png" alt="A red&quot; kite" width="600"' in html
    assert '<img src="cid:image1.png" alt="" width="40"' in html
    assert made.text.startswith('Above\n\n[A red" kite]\n\nBelow logo.png\n\n[The end]')


def test_an_html_file_shows_those_of_its_images_that_are_there() -> None:
    page = body_of(
        '<img src="pictures/kite%20red.png?v=1" alt="A kite"><img src="cid:logo.png" width="80">'
        '<img src="gone.png"><img src="http://x.test/p.png"><img src="data:image/png;base64,AA">'
    )
    images = stored("logo.png"), stored("unused.png"), stored("kite red.png", width=1200)

    made = template(page, images=images)

    assert made.images == (0, 2)
    assert '<img width="600" src="cid:image3.png" alt="A kite"><img width="80" src="cid:image1.png">' in made.html
    assert made.html.count("<img") == 2
    assert "[A kite]" in made.text
    assert page["removed"] == {"picture": 2}
    assert codes(page, *images) == ["CONTENT_CHANGED", "CONTENT_CHANGED", "NO_ALT", "NO_ALT", "IMAGE_ONLY"]


def test_what_a_reader_may_miss_is_said() -> None:
    assert codes(typed("Hello"), stored("kite.png", alt="A kite")) == []
    assert codes(typed("Hello"), stored("kite.png")) == ["NO_ALT"]
    assert codes(typed("kite.png: A kite"), stored("kite.png")) == ["IMAGE_ONLY"]
    assert codes(typed("Hello")) == []


def test_images_that_do_not_fit_a_call_are_refused_with_how_much_to_take_out() -> None:
    with pytest.raises(BotError, match="room for 799 KB") as caught:
        template(typed("Hello"), images=[stored("kite.png", weight=900_000)])

    assert (caught.value.code, caught.value.field) == ("IMAGES_TOO_HEAVY", "images")
    assert caught.value.next_step == "Take out 102 KB or more."
    template(typed("Hello"), images=[stored("kite.png", weight=790_000)])
    template(typed("Hello"), images=[stored("kite.png", weight=900_000)], call_bytes=1_100_000)


def test_a_browser_gets_them_in_the_page() -> None:
    image = stored("kite.png", alt="A kite", weight=4)

    shown = as_data_urls(mail(typed("kite.png"), images=[image]).html, [image], (0,))

    assert 'src="data:image/png;base64,xxxx"' in shown
    assert "cid:" not in shown


def test_they_count_once_a_call_toward_what_a_call_takes() -> None:
    image = stored("kite.png", weight=780_000)
    compiled = template(typed("{{note}}"), columns=["note"], images=[image])
    fixed = CompiledMessage("a@x.test", "", "a@x.test", "", ("note",), compiled)
    filled = Personalizer("t", "b", SendKind.BROADCAST, fixed, [image], ())

    entries = filled.entries([Recipient(seq, f"r{seq}@x.test", ["y" * 10_000]) for seq in range(50)])

    assert 1 <= len(entries) < 10
    assert sum(len(entry.data) for entry in entries) + 780_000 < CALL_BYTES
    (part,) = filled.template.images
    assert (part.content_id, part.content_type, len(part.data)) == ("image1.png", "image/png", 585_000)


def test_a_message_fixed_before_there_were_images_has_none() -> None:
    old = {name: value for name, value in template(typed("Hello")).to_json().items() if name != "images"}

    assert Template.from_json(old).images == ()

"""Images that a page shows from elsewhere: which are got, which are not and why, and what their servers see."""

import asyncio

import pytest

from bot.broadcast.content.html_import import import_page
from bot.broadcast.content.images import FILE_LIMIT
from bot.broadcast.content.remote_images import MOST, UnreachableError, fetch_images
from bot.errors import BotError
from tests.playground.image_host import Answer, ImageHost, image_host, picture


def leads_to(url: str) -> Answer:
    return Answer(status=302, headers={"Location": url})


async def why_not(host: ImageHost, path: str, *, name: str = "img.test") -> str:
    with pytest.raises(UnreachableError) as refused:
        await host.fetch(host.url(path, host=name))
    return str(refused.value)


async def test_an_image_is_asked_for_once_and_its_server_is_told_nothing() -> None:
    async with image_host(kite=Answer(picture())) as host:
        assert await host.fetch(host.url("/kite")) == picture()

        ((path, headers),) = host.asked
    assert path == "/kite"
    assert {name for name in headers if name not in {"Accept", "Accept-Encoding", "Host", "User-Agent"}} == set()
    assert headers["User-Agent"] == "Mailroom"


async def test_a_redirect_is_followed_and_not_without_end() -> None:
    async with image_host(
        a=leads_to("/b"), b=leads_to("/kite"), kite=Answer(picture()), loop=leads_to("/loop")
    ) as host:
        assert await host.fetch(host.url("/a")) == picture()
        assert await why_not(host, "/loop") == "its address leads on to others without end"

        assert host.paths == ["/a", "/b", "/kite", *["/loop"] * 4]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(status=401), "its server wants a login"),
        (Answer(status=403), "its server wants a login"),
        (Answer(b"<form>", content_type="text/html"), "its server wants a login"),
        (leads_to("/login"), "its server wants a login"),
        (Answer(status=404), "it is not there"),
        (Answer(status=503), "its server answers 503"),
        (Answer(b"\0" * (FILE_LIMIT + 1)), "it is larger than 10 MB"),
        (leads_to("http://img.test/kite"), "its address leads on to one that is not plain https"),
        (leads_to("https://me:secret@img.test/kite"), "its address leads on to one that is not plain https"),
        (leads_to("https://127.0.0.2/kite"), "its address is not one of the public internet"),
        (leads_to("https://metadata.test/kite"), "its address is not one of the public internet"),
    ],
)
async def test_an_image_that_cannot_be_had_is_asked_for_once_and_it_says_why(answer: Answer, why: str) -> None:
    async with image_host(kite=answer, login=Answer(b"<form>", content_type="text/html")) as host:
        assert await why_not(host, "/kite") == why

        assert host.paths in (["/kite"], ["/kite", "/login"])


async def test_a_server_that_is_inside_is_gone_or_has_another_name_is_not_asked() -> None:
    async with image_host(kite=Answer(picture())) as host:
        assert await why_not(host, "/kite", name="inside.test") == "its address is not one of the public internet"
        assert await why_not(host, "/kite", name="nowhere.test") == "its server does not answer"
        assert await why_not(host, "/kite", name="other.test") == "its server has no certificate that counts"

        assert host.asked == []


async def test_a_page_has_its_images_as_parts_each_fetched_once() -> None:
    async with image_host(kite=Answer(picture()), bad=Answer(b"<svg/>"), dot=Answer(picture((1, 1)))) as host:
        kite, bad, dot = host.url("/kite"), host.url("/bad"), host.url("/dot")
        shown = "".join(f'<img src="{url}" alt="A kite">' for url in (kite, kite, bad, dot))
        field = '<img src="https://img.test/{{id}}.png">'
        pixel = f'<img src="{host.url("/pixel")}" width=1 height="1">'
        page = await import_page(f"<p>Hello</p>{shown}{field}{pixel}".encode(), "june.html", host.fetch)

        assert sorted(host.paths) == ["/bad", "/dot", "/kite"]
    (image,) = page.images
    assert (image["name"], image["type"], image["from_body"]) == (kite, "image/png", True)
    assert page.body["missing"] == {
        bad: "it is no PNG, JPEG or GIF",
        dot: "it is one pixel, as those that tell who has read a mail",
        "https://img.test/{{id}}.png": "its address has a field in it",
    }
    assert page.body["removed"] == {"tracking pixel": 1}


async def test_a_page_of_more_images_than_a_mail_has_is_refused_before_any_is_fetched() -> None:
    async with image_host() as host:
        page = "".join(f'<img src="{host.url(f"/{number}")}">' for number in range(MOST + 1))
        with pytest.raises(BotError, match="31 images") as refused:
            await import_page(page.encode(), "", host.fetch)

        assert (refused.value.code, refused.value.field, host.asked) == ("IMAGES_TOO_MANY", "html", [])


async def test_who_waits_does_not_wait_for_a_slow_server() -> None:
    async def never(_url: str) -> bytes:
        await asyncio.Event().wait()
        return b""

    fetched = await fetch_images('<p>a</p><img src="cid:https://img.test/a.png">', never, seconds=0.1)

    assert fetched.missing == {"https://img.test/a.png": "it took too long"}

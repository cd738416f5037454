"""The unsubscribe page and the one-click POST of RFC 8058. GET never acts: mail scanners follow every link."""

from collections.abc import Awaitable, Callable
from html import escape
from typing import Final, Protocol

from aiohttp import web

from bot.suppression.suppression_list import Standing
from bot.suppression.unsubscribe_links import LinkSubject
from handlers.http.unsubscribe_texts import TEXTS, Texts, language_of

AGAIN: Final = "subscribe_again"
"""The field of the form that subscribes again."""

ONE_CLICK: Final = "List-Unsubscribe"
"""The field of a one-click POST (RFC 8058, section 3.1), which only ever unsubscribes."""

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 1.125rem/1.5 system-ui, sans-serif; margin: 15vh auto; max-width: 32rem; padding: 0 1rem }}
body {{ color: #1d1c1d; background: #fff; overflow-wrap: anywhere }}
button {{ font: inherit; padding: .6rem 1.2rem; border: 0; border-radius: .4rem; background: #14532d; color: #fff }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e8e8e8; background: #1a1d21 }} }}
</style>
</head>
<body><main><h1>{title}</h1>{body}</main></body>
</html>
"""


class Links(Protocol):
    """What an unsubscribe link is good for (`bot.suppression.suppression_list.Suppressions`)."""

    def whose(self, token: str, /) -> LinkSubject | None: ...

    async def standing(self, recipient: LinkSubject, /) -> tuple[str, Standing]: ...

    async def unsubscribe(self, recipient: LinkSubject, /) -> None: ...

    async def subscribe_again(self, recipient: LinkSubject, /) -> bool: ...


class UnsubscribePages:
    def __init__(self, links: Links) -> None:
        self._links = links

    async def show(self, request: web.Request) -> web.Response:
        return await self._answer(request, self._show)

    async def act(self, request: web.Request) -> web.Response:
        """Take effect at once; the same again is the same answer."""
        again = await _is_again(request)
        return await self._answer(request, self._subscribe_again if again else self._unsubscribe)

    async def _answer(
        self, request: web.Request, act: Callable[[LinkSubject, "_Page"], Awaitable[web.Response]]
    ) -> web.Response:
        recipient = self._links.whose(request.match_info["token"])
        page = _Page(language_of(request.headers.get("Accept-Language", "")))
        if recipient is None:
            return page.plain(page.texts.wrong, page.texts.whole_link, status=404)
        if recipient.is_test:
            return page.plain(page.texts.test, page.texts.own_link)
        return await act(recipient, page)

    async def _show(self, recipient: LinkSubject, page: "_Page") -> web.Response:
        name, standing = await self._links.standing(recipient)
        return page.ask(name) if standing is Standing.MAILED else page.left(standing)

    async def _unsubscribe(self, recipient: LinkSubject, page: "_Page") -> web.Response:
        await self._links.unsubscribe(recipient)
        _, standing = await self._links.standing(recipient)
        return page.left(standing)

    async def _subscribe_again(self, recipient: LinkSubject, page: "_Page") -> web.Response:
        done = await self._links.subscribe_again(recipient)
        name, standing = await self._links.standing(recipient)
        if done or standing is Standing.MAILED:
            return page.plain(_named(page.texts.back, page.texts.back_plain, name), page.texts.mails_again)
        return page.plain(page.texts.stays, page.texts.ask_sender, status=409)


async def _is_again(request: web.Request) -> bool:
    """Whether the form of the page was submitted with *Subscribe again*; what cannot be read is an unsubscribe."""
    try:
        fields = await request.post()
    except (ValueError, LookupError, web.HTTPException):
        return False
    return AGAIN in fields and ONE_CLICK not in fields


class _Page:
    """Draws the page in one language."""

    def __init__(self, language: str) -> None:
        self._language = language
        self.texts: Texts = TEXTS[language]

    def ask(self, name: str) -> web.Response:
        button = f'<form method="post"><button>{escape(self.texts.unsubscribe)}</button></form>'
        return self.plain(_named(self.texts.ask, self.texts.ask_plain, name), self.texts.leaving, button)

    def left(self, standing: Standing) -> web.Response:
        again = (
            f"<p>{escape(self.texts.by_mistake)}</p>"
            f'<form method="post"><button name="{AGAIN}" value="yes">{escape(self.texts.again)}</button></form>'
        )
        shown = again if standing is Standing.MAY_COME_BACK else ""
        return self.plain(self.texts.done, self.texts.no_more, shown)

    def plain(self, title: str, text: str, more: str = "", *, status: int = 200) -> web.Response:
        body = f"<p>{escape(text)}</p>{more}"
        html = _PAGE.format(language=self._language, title=escape(title), body=body)
        headers = {"Content-Language": self._language, "Vary": "Accept-Language"}
        return web.Response(status=status, text=html, content_type="text/html", headers=headers)


def _named(text: str, plain: str, name: str) -> str:
    return text.replace("{name}", name) if name else plain

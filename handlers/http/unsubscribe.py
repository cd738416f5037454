"""The unsubscribe page and the one-click POST of RFC 8058. GET never acts: mail scanners follow every link."""

from collections.abc import Awaitable, Callable
from html import escape
from typing import Final

from aiohttp import web

from bot.broadcast.content.look import Layout, Look
from bot.suppression.suppression_list import Standing, Suppressions
from bot.suppression.unsubscribe_links import LinkSubject
from handlers.html_page import COLUMN, html_page
from handlers.http.api.problems import HEADERS
from handlers.http.unsubscribe_texts import TEXTS, Texts, language_of

AGAIN: Final = "subscribe_again"
"""The field of the form that subscribes again."""

ONE_CLICK: Final = "List-Unsubscribe"
"""The field of a one-click POST (RFC 8058, section 3.1), which only ever unsubscribes."""

_CSP: Final = HEADERS["Content-Security-Policy"] + "; img-src data:; base-uri 'none'; frame-ancestors 'none'"
_CSS: Final = (
    f"{COLUMN}button {{ font: inherit; padding: .6rem 1.2rem; border: 0; border-radius: .4rem; background: #14532d; "
    "color: #fff }\n"
)

SenderOf = Callable[[str], Awaitable[tuple[str, Look]]]
"""Returns the name from which a team mails, and how its mails look."""


class UnsubscribePages:
    def __init__(self, links: Suppressions, sender_of: SenderOf) -> None:
        self._links = links
        self._sender_of = sender_of

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
        language = language_of(request.headers.get("Accept-Language", ""))
        page = _Page(language, *(await self._sender_of(recipient.team_id) if recipient else ("", Look())))
        if recipient is None:
            return page.plain(page.texts.wrong, page.texts.whole_link, status=404)
        if recipient.is_test:
            return page.plain(page.texts.test, page.texts.own_link)
        return await act(recipient, page)

    async def _show(self, recipient: LinkSubject, page: "_Page") -> web.Response:
        standing = await self._links.standing(recipient)
        return page.ask() if standing is Standing.MAILED else page.left(standing)

    async def _unsubscribe(self, recipient: LinkSubject, page: "_Page") -> web.Response:
        await self._links.unsubscribe(recipient)
        return page.left(await self._links.standing(recipient))

    async def _subscribe_again(self, recipient: LinkSubject, page: "_Page") -> web.Response:
        if await self._links.subscribe_again(recipient) or await self._links.standing(recipient) is Standing.MAILED:
            return page.plain(page.named(page.texts.back, page.texts.back_plain), page.texts.mails_again)
        return page.plain(page.texts.stays, page.texts.ask_sender, status=409)


async def _is_again(request: web.Request) -> bool:
    """Whether the form of the page was submitted with *Subscribe again*; what cannot be read is an unsubscribe."""
    try:
        fields = await request.post()
    except (ValueError, LookupError, web.HTTPException):
        return False
    return AGAIN in fields and ONE_CLICK not in fields


class _Page:
    """Draws the page in one language, with the look of the sender's mails: the logo is in it, and is not fetched."""

    def __init__(self, language: str, name: str, look: Look) -> None:
        self._language = language
        self._name = name
        self._look = look
        self.texts: Texts = TEXTS[language]

    def ask(self) -> web.Response:
        button = f'<form method="post"><button>{escape(self.texts.unsubscribe)}</button></form>'
        return self.plain(self.named(self.texts.ask, self.texts.ask_plain), self.texts.leaving, button)

    def left(self, standing: Standing) -> web.Response:
        again = (
            f"<p>{escape(self.texts.by_mistake)}</p>"
            f'<form method="post"><button name="{AGAIN}" value="yes">{escape(self.texts.again)}</button></form>'
        )
        shown = again if standing is Standing.MAY_COME_BACK else ""
        return self.plain(self.texts.done, self.texts.no_more, shown)

    def plain(self, title: str, text: str, more: str = "", *, status: int = 200) -> web.Response:
        logo = self._look.as_data_url(self._look.header(Layout.WRITTEN))
        sender = f"<p>{escape(self._name)}</p>" if self._name and self._name not in title else ""
        body = f"{logo}<main>{sender}<h1>{escape(title)}</h1><p>{escape(text)}</p>{more}</main>"
        html = html_page(title, body, _CSS + self._look.css(Layout.CANVAS), language=self._language)
        headers = {
            "Content-Language": self._language,
            "Content-Security-Policy": _CSP,
            "Vary": "Accept-Language",
        }
        return web.Response(status=status, text=html, content_type="text/html", headers=headers)

    def named(self, text: str, plain: str) -> str:
        return text.replace("{name}", self._name) if self._name else plain

"""The unsubscribe page and the one-click POST of RFC 8058. GET never acts: mail scanners follow every link."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.suppression.unsubscribe_links import LinkSubject

Whose = Callable[[str], LinkSubject | None]
Unsubscribe = Callable[[LinkSubject], Awaitable[None]]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 1.125rem/1.5 system-ui, sans-serif; margin: 15vh auto; max-width: 32rem; padding: 0 1rem }}
body {{ color: #1d1c1d; background: #fff }}
button {{ font: inherit; padding: .6rem 1.2rem; border: 0; border-radius: .4rem; background: #14532d; color: #fff }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e8e8e8; background: #1a1d21 }} }}
</style>
</head>
<body><main><h1>{title}</h1>{body}</main></body>
</html>
"""
_ASK = _PAGE.format(
    title="Unsubscribe?",
    body='<p>You will get no more of these mails.</p><form method="post"><button>Unsubscribe</button></form>',
)
_DONE = _PAGE.format(title="You are unsubscribed", body="<p>You will get no more of these mails.</p>")
_TEST = _PAGE.format(
    title="This was a test, nothing changed",
    body="<p>In a broadcast each recipient has a link of their own here.</p>",
)
_WRONG = _PAGE.format(
    title="This link does not work",
    body="<p>Copy the whole link from the mail, or answer the mail and ask to be taken off.</p>",
)


class UnsubscribePages:
    """Args: `whose` returns the delivery of a token that we signed; `unsubscribe` suppresses its recipient."""

    def __init__(self, whose: Whose, unsubscribe: Unsubscribe) -> None:
        self._whose = whose
        self._unsubscribe = unsubscribe

    async def show(self, request: web.Request) -> web.Response:
        recipient = self._whose(request.match_info["token"])
        return _without_effect(recipient) or _html(_ASK, 200)

    async def unsubscribe(self, request: web.Request) -> web.Response:
        """Take effect at once; the same again is the same answer."""
        recipient = self._whose(request.match_info["token"])
        if recipient is not None and not recipient.is_test:
            await self._unsubscribe(recipient)
        return _without_effect(recipient) or _html(_DONE, 200)


def _without_effect(recipient: LinkSubject | None) -> web.Response | None:
    """Return the page of a link that has no effect."""
    if recipient is None:
        return _html(_WRONG, 404)
    return _html(_TEST, 200) if recipient.is_test else None


def _html(text: str, status: int) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html")

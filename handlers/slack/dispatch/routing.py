"""One listener of Bolt's for all buttons, and one for all forms.

Bolt asks each listener it has in turn whether an interaction is for it, and builds the arguments anew for each: of a
click at a bot with 130 listeners that was nine tenths (slack-bolt 1.30).
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from handlers.slack.dispatch.interaction import Body

_ANY = re.compile("")

Listen = Callable[[AsyncAck, Body, AsyncWebClient], Awaitable[None]]


def action_id(body: Body) -> str:
    return str(body["actions"][0]["action_id"])


def form_id(body: Body) -> str:
    return str(body["view"]["callback_id"])


def routed(register: Callable[..., Any], id_of: Callable[[Body], str]) -> dict[str, Listen]:
    """Register one listener that finds in the table which it returns whom to call; what is not in it is not ours."""
    by_id: dict[str, Listen] = {}

    async def is_ours(body: Body) -> bool:
        return id_of(body) in by_id

    async def listen(ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
        await by_id[id_of(body)](ack, body, client)

    register(_ANY, matchers=[is_ours])(listen)
    return by_id

"""The names of the people and channels that a message mentions, which Slack gives by their ids."""

import contextlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

_LOOKED_UP = 20  # at most: a person waits


async def names_in(client: AsyncWebClient, body: Mapping[str, Any]) -> dict[str, str]:
    """Return names by id; whoever Slack does not name is left out."""
    names = {}
    for kind, key in islice(dict.fromkeys(_mentioned(body)), _LOOKED_UP):
        with contextlib.suppress(SlackApiError):
            if kind == "channel":
                names[key] = str((await client.conversations_info(channel=key))["channel"]["name"])
            else:
                user = (await client.users_info(user=key))["user"]
                names[key] = str(user.get("real_name") or user["name"])
    return names


def _mentioned(element: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = element.get("type")
    if kind in {"user", "channel"}:
        yield str(kind), str(element[f"{kind}_id"])
    for inner in element.get("elements") or ():
        yield from _mentioned(inner)

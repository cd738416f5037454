"""The people and channels that a message mentions, as names: Slack gives them by ids, and a mail has none."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from bot.wording import count
from handlers.slack import ids
from handlers.slack.codes import SlackCode

LOOKED_UP = 20  # at most: a person waits
_KINDS = {"user": ("person", "people"), "channel": ("channel", ""), "usergroup": ("user group", "")}


async def with_names(client: AsyncWebClient, body: Mapping[str, Any], own_channel: str) -> dict[str, Any]:
    """Return a `rich_text` block in which names stand in the place of mentions.

    Mailroom sees more than the writer: the name of a private channel, other than the one it is written in, is not
    told. User groups are not named to an app without a scope of their own. The block says how many there were.

    Raises:
        BotError: for the field `message`; MENTION_UNNAMED, TOO_MANY_MENTIONS.
    """
    mentioned = dict.fromkeys(_mentioned(body))
    if len(mentioned) > LOOKED_UP:
        raise BotError(
            SlackCode.TOO_MANY_MENTIONS,
            f"The message mentions {len(mentioned)} people and channels: type all but {LOOKED_UP} as text.",
            field=ids.Input.MESSAGE,
        )
    names = await _names(client, mentioned, own_channel)
    unnamed = Counter(kind for kind, key in mentioned if (kind, key) not in names)
    if unnamed:
        what = " and ".join(count(unnamed[kind], *nouns) for kind, nouns in _KINDS.items() if unnamed[kind])
        raise BotError(
            SlackCode.MENTION_UNNAMED,
            f"The message mentions {what} by an id, and Slack gives Mailroom no name that may go into a mail"
            f"{' (private channels are not named)' * bool(unnamed['channel'])}: type the name as text instead.",
            field=ids.Input.MESSAGE,
        )
    number = mentions_in(body)
    return _replaced(body, names) | ({"changed": {"mention": number}} if number else {})


async def with_known_names(client: AsyncWebClient, body: Mapping[str, Any], own_channel: str) -> dict[str, Any]:
    """Return it for a form to begin with: mentions that have no name stay, and are refused in their field.

    The others have to go: Slack's client cannot submit a form that begins with a mention, until something is typed
    (https://github.com/slackapi/bolt-python/issues/1003, https://github.com/slackapi/bolt-js/issues/2266).
    """
    mentioned = dict.fromkeys(_mentioned(body))
    names = await _names(client, mentioned, own_channel) if len(mentioned) <= LOOKED_UP else {}
    return _replaced(body, names)


async def _names(
    client: AsyncWebClient, mentioned: Iterable[tuple[str, str]], own_channel: str
) -> dict[tuple[str, str], str]:
    """Return the names that there are."""
    mentions = [*mentioned]
    groups = await _groups(client) if any(kind == "usergroup" for kind, _ in mentions) else {}
    names = await asyncio.gather(*(_name(client, kind, key, own_channel) for kind, key in mentions))
    named = {mention: name for mention, name in zip(mentions, names, strict=True) if name}
    return named | {("usergroup", key): name for key, name in groups.items()}


async def _groups(client: AsyncWebClient) -> dict[str, str]:
    """Return the names of user groups, also of those that are switched off; none without the scope."""
    try:
        found = (await client.usergroups_list(include_disabled=True))["usergroups"]
    except SlackApiError:
        return {}
    return {str(group["id"]): f"@{group['handle']}" for group in found}


async def _name(client: AsyncWebClient, kind: str, key: str, own_channel: str) -> str:
    """Return what stands in a mail for a mention, or nothing."""
    try:
        if kind == "channel":
            channel = (await client.conversations_info(channel=key))["channel"]
            told = key == own_channel or channel.get("is_private") is False
            return f"#{channel['name']}" if told else ""
        if kind == "user":
            user = (await client.users_info(user=key))["user"]
            return f"@{user.get('real_name') or user['name']}"
    except SlackApiError:
        pass
    return ""


async def names_of(client: AsyncWebClient, keys: Iterable[str], own_channel: str) -> dict[str, str]:
    """Return the names that there are of people and channels, by their ids."""
    found = await _names(client, ((_kind_of(key), key) for key in keys), own_channel)
    return {key: name for (_, key), name in found.items()}


def _kind_of(key: str) -> str:
    return "channel" if key.startswith("C") else "user"


def mentions_in(body: Mapping[str, Any]) -> int:
    """Count the mentions of a block."""
    return sum(1 for _ in _mentioned(body))


def _mentioned(element: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if (kind := str(element.get("type"))) in _KINDS:
        yield kind, str(element[f"{kind}_id"])
    for inner in element.get("elements") or ():
        yield from _mentioned(inner)


def _replaced(element: Mapping[str, Any], names: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    kind = str(element.get("type"))
    if kind in _KINDS:
        name = names.get((kind, str(element[f"{kind}_id"])))
        if name is None:
            return dict(element)
        style = {"style": element["style"]} if element.get("style") else {}
        return {"type": "text", "text": name, **style}
    if not element.get("elements"):
        return dict(element)
    return {**element, "elements": [_replaced(inner, names) for inner in element["elements"]]}

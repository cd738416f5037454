"""Messages come to be, change and go in one place, whoever asks: chat methods, response URLs, acknowledgements."""

from __future__ import annotations

import itertools
from typing import Any

from .blocks import MESSAGE_CHARACTERS, characters_of_message, check_message, completed
from .call import ApiError
from .render import message_lines
from .slack_types import type_problems
from .world import Channel, File, Json, Message, Workspace, World

_numbers = itertools.count(1)
TEXT_CHARACTERS = 40_000


def content(text: Any, blocks: Any, *, has_files: bool = False) -> tuple[str, list[Json]]:
    """Text and blocks fit to be a message, or the error that Slack answers with."""
    if not isinstance(text or "", str):
        raise ApiError("invalid_arguments", ["[ERROR] must provide a string [json-pointer:/text]"])
    if blocks:
        if problems := check_message(blocks) or type_problems("message", blocks):
            raise ApiError("invalid_blocks", problems)
        if characters_of_message(blocks) > MESSAGE_CHARACTERS:
            raise ApiError("msg_blocks_too_long")
    elif not (text or "").strip() and not has_files:
        raise ApiError("no_text")
    if len(text or "") > TEXT_CHARACTERS:
        raise ApiError("msg_too_long")
    return text or "", completed(blocks or [], _numbers)


def post(
    world: World,
    channel: Channel,
    workspace: Workspace,
    text: str,
    blocks: list[Json],
    *,
    author: str | None = None,
    thread_ts: str | None = None,
    broadcast: bool = False,
    shown_to: str | None = None,
    files: list[File] | None = None,
    metadata: Json | None = None,
) -> Message:
    message = Message(
        channel,
        world.new_ts(),
        author or workspace.bot_user_id,
        text,
        blocks,
        workspace,
        thread_ts,
        broadcast,
        shown_to,
        files=files or [],
        metadata=metadata,
    )
    world.messages.append(message)
    for file in message.files:
        file.shares.setdefault(channel, []).append(message.ts)
    _note(world, message)
    return message


def edit(world: World, message: Message, text: str, blocks: list[Json]) -> None:
    message.text, message.blocks, message.edited = text, blocks, True
    _note(world, message, " (edited)")


def erase(world: World, message: Message) -> None:
    message.deleted = True
    _note(world, message, " (deleted)")


def _note(world: World, message: Message, what: str = "") -> None:
    who = world.display(message.author)
    where = message.channel.label + (" in thread" if message.thread_ts else "")
    audience = f", only to {world.display(message.shown_to)}" if message.shown_to else ""
    seen_by = world.display(message.shown_to) if message.shown_to else message.channel.label
    lines = () if message.deleted else tuple(message_lines(message, world))
    world.note(seen_by, f"{where}  {who}{audience}{what}:", lines)


def message_object(message: Message, world: World) -> Json:
    """A message as the Web API and payloads show it."""
    user = world.users[message.author]
    shown: Json = {
        "type": "message",
        "user": message.author,
        "ts": message.ts,
        "text": message.text,
        "team": user.team_id,
    }
    if message.by_bot:
        shown |= {"bot_id": message.workspace.bot_id, "app_id": world.app_id}
    if message.blocks:
        shown["blocks"] = message.blocks
    if message.thread_ts:
        shown["thread_ts"] = message.thread_ts
    if message.edited:
        shown["edited"] = {"user": message.author, "ts": message.ts}
    if message.files:
        shown["files"] = [{"id": file.id, "name": file.name, "title": file.title} for file in message.files]
    if message.metadata:
        shown["metadata"] = message.metadata
    return shown

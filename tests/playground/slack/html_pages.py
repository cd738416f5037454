"""Pages of a channel, a modal and a home tab that stand alone: no scripts, nothing to fetch. For pictures and play."""

from __future__ import annotations

import base64
import mimetypes
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from . import html_text
from .html_blocks import Drawing
from .mrkdwn import Names
from .world import Channel, File, Message, View, World

if TYPE_CHECKING:
    from .driver import Person
    from .playground import SlackPlayground

_STYLE = Path(__file__).with_name("slack.css").read_text(encoding="utf-8")


def page(title: str, body: str) -> str:
    """A whole document around a body."""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )


def channel_html(slack: SlackPlayground, channel: Channel, viewer: Person) -> str:
    """A channel as `viewer` has it before them, threads under their first message."""
    shown = slack.world.visible_messages(channel, viewer.id)
    thread_starts = {m.ts for m in shown if not m.thread_ts}
    rows: list[str] = []
    for message in shown:
        if message.thread_ts in thread_starts:
            continue
        replies = [m for m in shown if m.thread_ts == message.ts]
        thread = f'<ol class="thread" aria-label="Thread">{"".join(_item(slack.world, r) for r in replies)}</ol>'
        rows.append(_item(slack.world, message, thread if replies else ""))
        rows += [_item(slack.world, r, "", note="replied to a thread") for r in replies if r.broadcast]
    count = len(channel.members)
    heading = f"<h1>{escape(channel.label)}</h1><p>{count} member{'s' if count != 1 else ''}</p>"
    log = f'<ol class="messages">{"".join(rows)}</ol>'
    return page(channel.label, f'<main class="channel"><header>{heading}</header>{log}</main>')


def _item(world: World, message: Message, thread: str = "", note: str = "") -> str:
    author = world.display(message.author)
    moment = datetime.fromtimestamp(float(message.ts), UTC)
    badge = '<span class="badge">APP</span>' if message.by_bot else ""
    only = '<p class="only">Only visible to you</p>' if message.shown_to else ""
    said = f'<p class="only">{escape(note)}</p>' if note else ""
    edited = ' <span class="edited">(edited)</span>' if message.edited else ""
    kind = "message ephemeral" if message.shown_to else "message"
    name = escape(author)
    avatar = "avatar" if message.by_bot else "avatar person"
    return (
        f'<li class="{kind}" data-ts="{message.ts}"><div class="{avatar}" aria-hidden="true">{escape(author[:1])}</div>'
        f'<article aria-label="Message from {name}">{only}{said}<p class="who"><strong>{name}</strong>'
        f'{badge} <time datetime="{moment.isoformat()}">{moment:%H:%M}</time>{edited}</p>'
        f"{_content(world, message)}</article>{thread}</li>"
    )


def _content(world: World, message: Message) -> str:
    if message.blocks:
        body = Drawing(world.display, prefix=f"m{message.ts}-").blocks(message.blocks)
    else:
        body = f'<div class="block">{html_text.mrkdwn(message.text, world.display)}</div>'
    return body + "".join(_file(file) for file in message.files)


def _file(file: File) -> str:
    name = escape(file.title or file.name)
    kind = mimetypes.guess_type(file.name)[0] or ""
    if kind in {"image/png", "image/jpeg", "image/gif"}:
        data = base64.b64encode(file.content).decode()
        return f'<figure><figcaption>{name}</figcaption><img alt="{name}" src="data:{kind};base64,{data}"></figure>'
    return f'<p class="file">{name} <small>{len(file.content)} bytes</small></p>'


def modal_html(view: View, names: Names = str) -> str:
    """A modal with what stands in its inputs and the errors under them."""
    return page(view.title, f'<main class="backdrop">{modal_body(view, names)}</main>')


def modal_body(view: View, names: Names = str) -> str:
    close = view.body.get("close", {"text": "Cancel" if "submit" in view.body else "Close"})["text"]
    buttons = f'<button type="button" class="button default" data-close>{escape(close)}</button>'
    if "submit" in view.body:
        submit = escape(view.body["submit"]["text"])
        buttons += f'<button type="submit" class="button primary">{submit}</button>'
    blocks = Drawing(names, view.inputs, view.errors, prefix=f"{view.id}-").blocks(view.blocks)
    return (
        f'<form class="modal" role="dialog" aria-labelledby="{view.id}" data-view="{view.id}">'
        f'<header><h2 id="{view.id}">{escape(view.title)}</h2></header>'
        f'<div class="content">{blocks}</div><footer>{buttons}</footer></form>'
    )


def home_html(view: View, names: Names = str) -> str:
    blocks = Drawing(names, view.inputs, view.errors, prefix=f"{view.id}-").blocks(view.blocks)
    heading = "<header><h1>Home</h1></header>"
    return page("Home", f'<main class="channel home">{heading}<div class="content">{blocks}</div></main>')

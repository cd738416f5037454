"""A channel, a modal and a home tab as HTML: as fragments for `make play`, and as pages that stand alone, for pictures.

Pages that stand alone have no scripts and nothing to fetch.
"""

from __future__ import annotations

import base64
import mimetypes
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from . import html_text
from .html_blocks import Drawing
from .world import Channel, File, Message, Role, View, World

if TYPE_CHECKING:
    from .driver import Person
    from .playground import SlackPlayground

STYLE = Path(__file__).with_name("slack.css")
_NO_PERSON = {Role.BOT, Role.DEACTIVATED}


def page(title: str, body: str) -> str:
    """A whole document around a body."""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE.read_text(encoding='utf-8')}</style></head><body>{body}</body></html>"
    )


def drawing(world: World, view: View) -> Drawing:
    """A view's own: its inputs and errors, and the people and channels that its menus offer."""
    people = {user.id: user.name for user in world.users.values() if user.role not in _NO_PERSON}
    places = {channel.id: channel.name for channel in world.channels.values() if not channel.direct}
    return Drawing(world.display, view.inputs, view.errors, f"{view.id}-", people, places)


# Channels


def channel_html(slack: SlackPlayground, channel: Channel, viewer: Person) -> str:
    body = f'<header>{channel_heading(channel)}</header><ol class="messages">{messages(slack, channel, viewer)}</ol>'
    return page(channel.label, f'<main class="channel">{body}</main>')


def channel_heading(channel: Channel) -> str:
    count = len(channel.members)
    return f"<h1>{escape(channel.label)}</h1><p>{count} member{'s' if count != 1 else ''}</p>"


def messages(slack: SlackPlayground, channel: Channel, viewer: Person, files: str = "") -> str:
    """A channel as `viewer` has it before them, threads under their first message.

    `files` is where files are had; there each message has its menu, too.
    """
    shown = slack.world.visible_messages(channel, viewer.id)
    thread_starts = {m.ts for m in shown if not m.thread_ts}
    rows: list[str] = []
    for message in shown:
        if message.thread_ts in thread_starts:
            continue
        replies = [m for m in shown if m.thread_ts == message.ts]
        inner = "".join(_item(slack, reply, files) for reply in replies)
        thread = f'<ol class="thread" aria-label="Thread">{inner}</ol>' if replies else ""
        rows.append(_item(slack, message, files, thread=thread))
        rows += [_item(slack, r, files, copy="replied to a thread") for r in replies if r.broadcast]
    return "".join(rows)


def _item(slack: SlackPlayground, message: Message, files: str, *, thread: str = "", copy: str = "") -> str:
    world = slack.world
    author = world.display(message.author)
    moment = datetime.fromtimestamp(float(message.ts), UTC)
    badge = '<span class="badge">APP</span>' if message.by_bot else ""
    only = '<p class="only">Only visible to you</p>' if message.shown_to else ""
    said = f'<p class="only">{escape(copy)}</p>' if copy else ""
    edited = ' <span class="edited">(edited)</span>' if message.edited else ""
    kind = "message ephemeral" if message.shown_to else "message"
    name = escape(author)
    avatar = "avatar" if message.by_bot else "avatar person"
    id_ = f"{'copy' if copy else 'm'}-{message.ts}"
    return (
        f'<li class="{kind}" id="{id_}" data-ts="{message.ts}" data-surface="{message.ts}">'
        f'<div class="{avatar}" aria-hidden="true">{escape(author[:1])}</div>'
        f'<article aria-label="Message from {name}">{only}{said}<p class="who"><strong>{name}</strong>'
        f'{badge} <time datetime="{moment.isoformat()}">{moment:%H:%M}</time>{edited}</p>'
        f"{_content(world, message, f'{id_}-', files)}{_menu(slack, id_, name) if files and not only else ''}"
        f"</article>{thread}</li>"
    )


def _menu(slack: SlackPlayground, id_: str, author: str) -> str:
    """The app's entries in the menu of a message."""
    entries = "".join(
        f'<button type="button" class="button default" id="{id_}-{escape(callback_id)}" '
        f'data-shortcut="{escape(callback_id)}">{escape(name)}</button>'
        for name, callback_id in slack.shortcuts.items()
    )
    more = f'More<span class="aside"> actions for the message from {author}</span>'
    return f'<details class="menu" id="menu-{id_}"><summary>{more}</summary>{entries}</details>' if entries else ""


def _content(world: World, message: Message, prefix: str, files: str) -> str:
    if message.blocks:
        body = Drawing(world.display, prefix=prefix).blocks(message.blocks)
    else:
        body = f'<div class="block">{html_text.mrkdwn(message.text, world.display)}</div>'
    return body + "".join(_file(file, files) for file in message.files)


def _file(file: File, files: str) -> str:
    name = escape(file.title or file.name)
    kind = mimetypes.guess_type(file.name)[0] or ""
    if kind in {"image/png", "image/jpeg", "image/gif"}:
        data, alt = base64.b64encode(file.content).decode(), escape(file.alt_text) or name
        return f'<figure><figcaption>{name}</figcaption><img alt="{alt}" src="data:{kind};base64,{data}"></figure>'
    shown = f'<a href="{files}{file.id}" download="{escape(file.name)}">{name}</a>' if files else name
    return f'<p class="file">{shown} <small>{len(file.content):,} bytes</small></p>'


# Views


def modal_html(view: View, world: World) -> str:
    """A modal with what stands in its inputs and the errors under them."""
    dialog = f'<div role="dialog" aria-labelledby="{view.id}">{modal_body(view, world)}</div>'
    return page(view.title, f'<main class="backdrop">{dialog}</main>')


def modal_body(view: View, world: World) -> str:
    close = view.body.get("close", {"text": "Cancel" if "submit" in view.body else "Close"})["text"]
    buttons = f'<button type="button" class="button default" data-close>{escape(close)}</button>'
    if "submit" in view.body:
        submit = escape(view.body["submit"]["text"])
        buttons += f'<button type="submit" class="button primary">{submit}</button>'
    blocks = drawing(world, view).blocks(view.blocks)
    return (
        f'<form class="modal" id="form-{view.id}" novalidate data-surface="{view.id}">'
        f'<header><h2 id="{view.id}" tabindex="-1">{escape(view.title)}</h2></header>'
        f'<div class="content">{blocks}</div><footer>{buttons}</footer></form>'
    )


def home_html(view: View, world: World) -> str:
    return page("Home", f'<main class="channel home"><header><h1>Home</h1></header>{home_body(view, world)}</main>')


def home_body(view: View, world: World) -> str:
    blocks = drawing(world, view).blocks(view.blocks)
    return f'<form class="content" id="home-{view.id}" data-surface="{view.id}">{blocks}</form>'

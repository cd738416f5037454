"""Modals and home tabs: opened, stacked at most three high, redrawn, closed; and how payloads show them."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from typing import Any

from .blocks import check_view, completed
from .call import ApiError
from .inputs import merged, state_values
from .render import view_lines
from .slack_types import type_problems
from .world import File, Json, View, Workspace, World

STACK = 3
VIEW_BYTES = 250_000
_numbers = itertools.count(1)


def checked(body: Any, kind: str) -> Json:
    """A view that Slack would take, with the ids it makes up filled in."""
    if problems := check_view(body, kind) or type_problems(kind, body):
        raise ApiError("invalid_arguments", problems)
    if len(str(body)) > VIEW_BYTES:
        raise ApiError("view_too_large")
    return {**body, "blocks": completed(body["blocks"], _numbers)}


def _hash(world: World) -> str:
    return f"{world.now()}.{secrets.token_hex(4)}"


def _new(world: World, body: Json, user_id: str, workspace: Workspace, below: View | None) -> View:
    external = body.get("external_id")
    taken = (v for v in world.views.values() if v.workspace is workspace)
    if external and any(v.body.get("external_id") == external for v in taken):
        raise ApiError("duplicate_external_id")
    view_id = world.new_id("V")
    root_id = below.root_id if below else view_id
    view = View(view_id, body, user_id, workspace, _hash(world), root_id, below)
    view.inputs = merged(view.blocks, {})
    world.views[view_id] = view
    return view


def _note(world: World, view: View, what: str) -> None:
    name = world.display(view.user_id)
    world.note(name, f"{name} sees {what}:", tuple(view_lines(view, world)))


def push(world: World, body: Any, user_id: str, workspace: Workspace, on_top_of: View | None) -> View:
    """A modal on top of the one it was asked for from; without one, a stack of its own in place of any other."""
    body = checked(body, "modal")
    stack = world.modals.setdefault(user_id, [])
    if on_top_of not in stack:
        on_top_of = None
        for old in list(stack):
            close(world, old, quietly=True)
    elif len(stack) >= STACK:
        raise ApiError("push_limit_reached")
    view = _new(world, body, user_id, workspace, on_top_of)
    world.modals.setdefault(user_id, []).append(view)
    _note(world, view, "a modal")
    return view


def redraw(world: World, view: View, body: Any) -> None:
    """New content for an open view; what was typed stays where block_id and action_id stay."""
    view.body = checked(body, view.body["type"])
    view.hash = _hash(world)
    view.inputs = merged(view.blocks, view.inputs)
    view.errors = {}
    _note(world, view, "the modal change" if view.body["type"] == "modal" else "the home tab change")


def publish(world: World, body: Any, user_id: str, workspace: Workspace) -> View:
    home = world.homes.get((user_id, workspace.id))
    if home:
        redraw(world, home, body)
        return home
    home = _new(world, checked(body, "home"), user_id, workspace, None)
    world.homes[user_id, workspace.id] = home
    _note(world, home, "the home tab")
    return home


def close(world: World, view: View, *, quietly: bool = False) -> None:
    stack = world.modals.get(view.user_id, [])
    if view in stack:
        stack.remove(view)
    world.views.pop(view.id, None)
    if not quietly:
        name = world.display(view.user_id)
        world.note(name, f"{name}: the modal {view.title!r} is closed.")


def close_all(world: World, user_id: str) -> None:
    for view in reversed(list(world.modals.get(user_id, []))):
        close(world, view)


def view_object(view: View, world: World, file_json: Callable[[File], Json]) -> Json:
    """docs.slack.dev/reference/interaction-payloads/view-interactions-payload."""
    shown: Json = {
        "id": view.id,
        "team_id": view.workspace.id,
        "app_id": world.app_id,
        "app_installed_team_id": view.workspace.id,
        "bot_id": view.workspace.bot_id,
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "title": None,
        "submit": None,
        "close": None,
        "clear_on_close": False,
        "notify_on_close": False,
        **view.body,
        "state": state_values(view.blocks, view.inputs, file_json),
        "hash": view.hash,
        "root_view_id": view.root_id,
        "previous_view_id": view.previous.id if view.previous else None,
    }
    return shown

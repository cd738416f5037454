"""canvases.*: a canvas made, given to a channel, read, deleted.

https://docs.slack.dev/reference/methods/canvases.create, .../canvases.access.set, .../canvases.getContent; one that is
missing and one that the app may not see are the same to it. In files.info a canvas is a file.
"""

from __future__ import annotations

from .call import ApiError, Method, Request
from .world import Channel, File, Json

MARKDOWN_CHARACTERS = 1024 * 1024
LEVELS = {"read", "write", "owner"}


def create(request: Request) -> Json:
    """A free plan takes none outside a channel, and one in each."""
    content = request.json("document_content", "invalid_arguments") or {}
    markdown = str(content.get("markdown", ""))
    if content.get("type", "markdown") != "markdown" or len(markdown) > MARKDOWN_CHARACTERS:
        raise ApiError("canvas_creation_failed")
    channel = request.channel("channel_id") if request.text("channel_id") else None
    world, workspace = request.world, request.workspace
    if workspace.free_plan and channel is None:
        raise ApiError("free_teams_cannot_create_standalone_canvases")
    if workspace.free_plan and any(file.is_canvas and channel in file.shares for file in world.files.values()):
        raise ApiError("free_team_canvas_tab_already_exists")
    title = request.text("title")
    canvas = File(
        world.new_id("F"),
        title,
        title,
        markdown.encode(),
        workspace.bot_user_id,
        workspace,
        world.now(),
        is_canvas=True,
    )
    world.files[canvas.id] = canvas
    if channel is not None:
        canvas.shares[channel] = []
    return {"canvas_id": canvas.id}


def access_set(request: Request) -> Json:
    canvas = _canvas(request)
    if request.required("access_level") not in LEVELS:
        raise ApiError("invalid_arguments")
    for channel_id in request.required("channel_ids").split(","):
        channel = request.world.channels.get(channel_id)
        if channel is None or not request.sees(channel):
            raise ApiError("channel_not_found")
        canvas.shares.setdefault(channel, [])
    return {}


def delete(request: Request) -> Json:
    canvas = _canvas(request)
    if canvas.user_id != request.workspace.bot_user_id:
        raise ApiError("restricted_action")
    del request.world.files[canvas.id]
    return {}


def get_content(request: Request) -> Json:
    """As Markdown, which is what it gives unless asked for HTML: of that no document says how it looks."""
    if request.text("content_type", "markdown") != "markdown":
        raise ApiError("invalid_arguments", ["[ERROR] the playground has Markdown only [json-pointer:/content_type]"])
    return {"content": _canvas(request).content.decode()}


def _canvas(request: Request) -> File:
    canvas = request.world.files.get(request.required("canvas_id"))
    if canvas is None or not canvas.is_canvas or not _is_seen(request, canvas):
        raise ApiError("canvas_not_found")
    return canvas


def _is_seen(request: Request, canvas: File) -> bool:
    def has_bot(channel: Channel) -> bool:
        return request.workspace.bot_user_id in channel.members

    of_tabs = (channel for channel in request.world.channels.values() if channel.tab == canvas.id)
    return canvas.user_id == request.workspace.bot_user_id or any(map(has_bot, [*canvas.shares, *of_tabs]))


METHODS = {
    "canvases.access.set": Method(access_set, ("canvases:write",)),
    "canvases.create": Method(create, ("canvases:write",)),
    "canvases.delete": Method(delete, ("canvases:write",)),
    "canvases.getContent": Method(get_content, ("canvases:read",)),
}

"""chat.*: messages by the bot."""

from __future__ import annotations

from .call import ApiError, Method, Request
from .posting import content, edit, erase, message_object, post
from .world import Channel, Json, Message, Role


def _writable(channel: Channel, *, inactive: str = "is_archived") -> Channel:
    if channel.archived:
        raise ApiError(inactive)
    return channel


def _target(request: Request) -> Channel:
    """A channel id, or a user's id for the direct message with them."""
    user = request.world.users.get(request.text("channel"))
    if user and user.role is not Role.BOT:
        return request.world.direct_channel(user, request.workspace)
    return _writable(request.channel())


def post_message(request: Request) -> Json:
    channel = _target(request)
    member = request.workspace.bot_user_id in channel.members
    if not member and "chat:write.public" not in request.workspace.scopes:
        raise ApiError("not_in_channel")
    text, blocks = content(request.params.get("text"), request.json("blocks", "invalid_blocks_format"))
    thread_ts = request.text("thread_ts") or None
    if thread_ts and not request.world.find_message(channel, thread_ts):
        raise ApiError("thread_not_found")
    message = post(
        request.world,
        channel,
        request.workspace,
        text,
        blocks,
        thread_ts=thread_ts,
        broadcast=request.flag("reply_broadcast"),
        metadata=request.json("metadata", "invalid_metadata_format"),
    )
    return {"channel": channel.id, "ts": message.ts, "message": message_object(message, request.world)}


def post_ephemeral(request: Request) -> Json:
    channel = _writable(request.channel())
    if request.workspace.bot_user_id not in channel.members:
        raise ApiError("not_in_channel")
    user_id = request.required("user")
    if user_id not in channel.members:
        raise ApiError("user_not_in_channel")
    text, blocks = content(request.params.get("text"), request.json("blocks", "invalid_blocks_format"))
    message = post(
        request.world,
        channel,
        request.workspace,
        text,
        blocks,
        thread_ts=request.text("thread_ts") or None,
        shown_to=user_id,
    )
    return {"message_ts": message.ts}


def _own_message(request: Request, refusal: str) -> Message:
    channel = _writable(request.channel(), inactive="is_inactive")
    message = request.world.find_message(channel, request.required("ts"))
    if message is None:
        raise ApiError("message_not_found")
    if message.author != request.workspace.bot_user_id:
        raise ApiError(refusal)
    return message


def update(request: Request) -> Json:
    """Blocks that are not named stay, unless a new text is given without them; an empty list removes them."""
    message = _own_message(request, "cant_update_message")
    given = request.json("blocks", "invalid_blocks_format")
    kept = message.blocks if given is None and not request.text("text") else given
    text, blocks = content(request.params.get("text", message.text), kept)
    edit(request.world, message, text, blocks)
    shown = message_object(message, request.world)
    return {"channel": message.channel.id, "ts": message.ts, "text": text, "message": shown}


def delete(request: Request) -> Json:
    message = _own_message(request, "cant_delete_message")
    erase(request.world, message)
    return {"channel": message.channel.id, "ts": message.ts}


def get_permalink(request: Request) -> Json:
    channel = request.channel()
    ts = request.required("message_ts")
    if request.world.find_message(channel, ts) is None:
        raise ApiError("message_not_found")
    link = f"{request.base_url}/archives/{channel.id}/p{ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": link}


METHODS = {
    "chat.postMessage": Method(post_message, ("chat:write",)),
    "chat.postEphemeral": Method(post_ephemeral, ("chat:write",)),
    "chat.update": Method(update, ("chat:write",)),
    "chat.delete": Method(delete, ("chat:write",)),
    "chat.getPermalink": Method(get_permalink),
}

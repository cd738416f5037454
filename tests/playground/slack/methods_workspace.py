"""auth, users, team, bots and conversations: who and what there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from .call import ApiError, Method, Request
from .objects import bot_object, channel_object, team_object, user_object
from .world import Channel, Json, Organization, Role

T = TypeVar("T")
MOST_ON_A_PAGE = 999


def auth_test(request: Request) -> Json:
    workspace = request.workspace
    answer: Json = {
        "url": f"{request.base_url}/",
        "team": workspace.name,
        "user": request.world.bot_name.lower(),
        "team_id": workspace.id,
        "user_id": workspace.bot_user_id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": isinstance(workspace, Organization),
    }
    if workspace.enterprise_id:
        answer["enterprise_id"] = workspace.enterprise_id
    return answer


def users_info(request: Request) -> Json:
    user, workspace = request.user(), request.workspace
    shared = (c for c in request.world.channels.values() if c.shared and c.seen_from(workspace))
    stranger = not any({user.id, workspace.bot_user_id} <= c.members for c in shared)
    with_email = "users:read.email" in workspace.scopes
    return {"user": user_object(user, workspace, with_email=with_email, stranger=stranger)}


def auth_teams_list(request: Request) -> Json:
    """docs.slack.dev/reference/methods/auth.teams.list: where an organization has added the app."""
    organization = request.workspace
    if not isinstance(organization, Organization):
        raise ApiError("not_allowed_token_type")
    page, following = _paged(request, organization.added)
    shown = [{"id": workspace.id, "name": workspace.name} for workspace in page]
    return {"teams": shown, "response_metadata": {"next_cursor": following}}


def team_info(request: Request) -> Json:
    if request.text("team", request.workspace.id) != request.workspace.id:
        raise ApiError("team_not_found")
    return {"team": team_object(request.workspace)}


def bots_info(request: Request) -> Json:
    if request.text("bot") not in {"", request.workspace.bot_id}:
        raise ApiError("bot_not_found")
    return {"bot": bot_object(request.workspace, request.world)}


def _kind(channel: Channel) -> str:
    return "im" if channel.direct else "groups" if channel.private else "channels"


def _readable(request: Request) -> Channel:
    channel = request.channel()
    request.needs(f"{_kind(channel)}:read")
    return channel


def conversations_info(request: Request) -> Json:
    channel = _readable(request)
    shown = channel_object(channel, request.workspace)
    if request.flag("include_num_members"):
        shown["num_members"] = len(channel.members)
    return {"channel": shown}


def conversations_members(request: Request) -> Json:
    """Ids, in pages of `limit` (100)."""
    members, following = _paged(request, sorted(_readable(request).members))
    return {"members": members, "response_metadata": {"next_cursor": following}}


def users_conversations(request: Request) -> Json:
    """Channels of a person (or the bot itself), of the kinds in `types`, in pages of `limit` (100)."""
    request.params.setdefault("user", request.workspace.bot_user_id)
    user = request.user()
    kinds = request.text("types", "public_channel").split(",")
    for kind in kinds:
        request.needs("groups:read" if kind == "private_channel" else "channels:read")
    found = [
        channel
        for channel in request.world.channels.values()
        if user.id in channel.members
        and not channel.direct
        and request.sees(channel)
        and ("private_channel" if channel.private else "public_channel") in kinds
        and not (channel.archived and request.flag("exclude_archived"))
    ]
    page, following = _paged(request, found)
    shown = [channel_object(channel, request.workspace) for channel in page]
    return {"channels": shown, "response_metadata": {"next_cursor": following}}


def _paged(request: Request, found: Sequence[T]) -> tuple[Sequence[T], str]:
    """A page, and the cursor of the next one, which is opaque to callers.

    `limit` is "an integer with a max value of 999": @slack/web-api, CursorPaginationEnabled; `invalid_limit` stands
    among the errors of both methods.
    """
    cursor, limit = request.text("cursor", "0"), request.text("limit", "100")
    if not cursor.isdigit():
        raise ApiError("invalid_cursor")
    if not limit.isdigit() or not 1 <= int(limit) <= MOST_ON_A_PAGE:
        raise ApiError("invalid_limit")
    end = int(cursor) + int(limit)
    return found[int(cursor) : end], str(end) if end < len(found) else ""


def conversations_join(request: Request) -> Json:
    channel = request.channel()
    if channel.direct or channel.private:
        raise ApiError("method_not_supported_for_channel_type")
    if channel.archived:
        raise ApiError("is_archived")
    bot = request.workspace.bot_user_id
    if bot in channel.members:
        shown = channel_object(channel, request.workspace)
        return {"channel": shown, "warning": "already_in_channel"}
    channel.members.add(bot)
    request.world.note(channel.label, f"{channel.label}  {request.world.bot_name} joined.")
    event = {"type": "member_joined_channel", "user": bot, "channel": channel.id, "channel_type": "C"}
    request.world.on_event({**event, "team": request.workspace.id}, request.workspace)
    return {"channel": channel_object(channel, request.workspace)}


def conversations_open(request: Request) -> Json:
    if request.text("channel"):
        channel = request.channel()
        if not channel.direct:
            raise ApiError("channel_not_found")
    else:
        ids = [part for part in request.text("users").split(",") if part]
        if len(ids) != 1:
            raise ApiError("not_enough_users" if not ids else "too_many_users")
        request.params["user"] = ids[0]
        user = request.user()
        if user.role is Role.DEACTIVATED:
            raise ApiError("user_disabled")
        if user.role is Role.BOT:
            raise ApiError("cannot_dm_bot")
        channel = request.world.direct_channel(user, request.workspace)
    if request.flag("return_im"):
        return {"channel": channel_object(channel, request.workspace)}
    return {"channel": {"id": channel.id}}


def emoji_list(request: Request) -> Json:
    return {"emoji": dict(request.workspace.emoji), "cache_ts": "1"}


def usergroups_list(request: Request) -> Json:
    made = {"team_id": request.workspace.id, "is_usergroup": True, "date_delete": 0}
    groups = request.workspace.groups.items()
    return {"usergroups": [{**made, "id": key, "handle": handle, "name": handle} for key, handle in groups]}


METHODS = {
    "auth.test": Method(auth_test),
    "auth.teams.list": Method(auth_teams_list),
    "users.info": Method(users_info, ("users:read",)),
    "users.conversations": Method(users_conversations),
    "emoji.list": Method(emoji_list, ("emoji:read",)),
    "usergroups.list": Method(usergroups_list, ("usergroups:read",)),
    "team.info": Method(team_info, ("team:read",)),
    "bots.info": Method(bots_info, ("users:read",)),
    "conversations.info": Method(conversations_info),
    "conversations.members": Method(conversations_members),
    "conversations.join": Method(conversations_join, ("channels:join",)),
    "conversations.open": Method(conversations_open, ("im:write",)),
}

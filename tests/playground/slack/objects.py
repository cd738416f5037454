"""Users, channels, files and teams as the Web API shows them."""

from __future__ import annotations

import mimetypes
from typing import Any

from .world import Channel, File, Json, Role, User, Workspace, World


def user_object(user: User, workspace: Workspace, *, with_email: bool, stranger: bool) -> Json:
    """docs.slack.dev/reference/objects/user-object; a deactivated person keeps little but the name.

    `stranger`: from another workspace, and in no shared channel that the app sees. Slack does not call somebody in
    such a channel a stranger: only `team_id` tells that they are from outside.
    """
    profile: Json = {"real_name": user.name, "display_name": user.handle, "team": user.team_id}
    if with_email and user.role not in {Role.BOT, Role.OUTSIDER}:
        profile["email"] = f"{user.handle}@{workspace.domain}.example"
    shown: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.handle,
        "deleted": user.role is Role.DEACTIVATED,
        "profile": profile,
        "is_bot": user.role is Role.BOT,
        "is_app_user": False,
        "updated": 1_700_000_000,
    }
    if user.role is not Role.DEACTIVATED:
        shown |= {
            "real_name": user.name,
            "tz": user.tz,
            "is_admin": user.role in {Role.ADMIN, Role.OWNER},
            "is_owner": user.role is Role.OWNER,
            "is_primary_owner": False,
            "is_restricted": user.role in {Role.GUEST, Role.SINGLE_CHANNEL_GUEST},
            "is_ultra_restricted": user.role is Role.SINGLE_CHANNEL_GUEST,
        }
    if user.also_in:
        teams = sorted({user.team_id, *user.also_in})
        shown["enterprise_user"] = {"id": user.id, "enterprise_id": workspace.enterprise_id, "teams": teams}
    if not user.is_of(workspace):
        shown["is_stranger"] = stranger
    return shown


def channel_object(channel: Channel, workspace: Workspace) -> Json:
    """docs.slack.dev/reference/objects/conversation-object."""
    if channel.direct:
        other = next(iter(channel.members - {workspace.bot_user_id}), "")
        return {
            "id": channel.id,
            "created": channel.created,
            "is_im": True,
            "is_org_shared": False,
            "user": other,
            "is_archived": False,
            "context_team_id": workspace.id,
        }
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "created": channel.created,
        "is_channel": not channel.private,
        "is_group": channel.private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_general": False,
        "is_member": workspace.bot_user_id in channel.members,
        "is_shared": channel.shared,
        "is_ext_shared": channel.shared,
        "is_org_shared": False,
        "context_team_id": workspace.id,
        "previous_names": list(channel.previous_names),
        **({"properties": {"canvas": {"file_id": channel.tab, "is_empty": False}}} if channel.tab else {}),
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def file_object(file: File, base_url: str) -> Json:
    """docs.slack.dev/reference/objects/file-object; both private URLs want the bot's token."""
    mimetype = mimetypes.guess_type(file.name)[0] or "text/plain"
    path = f"{base_url}/files-pri/{file.workspace.id}-{file.id}"
    filetype = file.name.rsplit(".", 1)[-1].lower() if "." in file.name else "text"
    described = {"alt_txt": file.alt_text} if file.alt_text else {}
    return {
        **described,
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": mimetype,
        "filetype": filetype,
        "pretty_type": filetype.upper(),
        "user": file.user_id,
        "user_team": file.workspace.id,
        "editable": False,
        "size": len(file.content),
        "mode": "hosted",
        "is_external": False,
        "is_public": False,
        "url_private": f"{path}/{file.name}",
        "url_private_download": f"{path}/download/{file.name}",
        "permalink": f"{base_url}/files/{file.user_id}/{file.id}/{file.name}",
        "file_access": "visible",
        **_shares(file),
    }


def _shares(file: File) -> Json:
    """Where a file is: public channels, private ones, direct messages; and in which messages of the first two."""
    public = [channel for channel in file.shares if not channel.private and not channel.direct]
    private = [channel for channel in file.shares if channel.private]
    shares = {
        kind: {channel.id: [{"ts": ts} for ts in file.shares[channel]] for channel in channels}
        for kind, channels in (("public", public), ("private", private))
        if channels
    }
    return {
        "channels": [channel.id for channel in public],
        "groups": [channel.id for channel in private],
        "ims": [channel.id for channel in file.shares if channel.direct],
        "shares": shares,
    }


def team_object(workspace: Workspace) -> Json:
    shown: dict[str, Any] = {"id": workspace.id, "name": workspace.name, "domain": workspace.domain}
    if workspace.enterprise_id:
        shown |= {"enterprise_id": workspace.enterprise_id, "enterprise_name": "Grid"}
    return shown


def bot_object(workspace: Workspace, world: World) -> Json:
    return {
        "id": workspace.bot_id,
        "deleted": False,
        "name": world.bot_name,
        "app_id": world.app_id,
        "user_id": workspace.bot_user_id,
    }

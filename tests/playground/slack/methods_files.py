"""files.*: looking a file up, and uploading one in Slack's three steps."""

from __future__ import annotations

from .call import ApiError, Method, Request
from .objects import file_object
from .posting import content, post
from .world import File, Json

ALT_TEXT_CHARACTERS = 1000


def files_info(request: Request) -> Json:
    file = request.world.files.get(request.required("file"))
    if file is None or file.workspace is not request.workspace:
        raise ApiError("file_not_found")
    return {"file": file_object(file, request.base_url), "comments": [], "content": None}


def get_upload_url(request: Request) -> Json:
    """Step one; the bytes go to `upload_url` next."""
    length, name = request.required("length"), request.required("filename")
    if not length.isdigit() or int(length) == 0:
        raise ApiError("invalid_arguments", ["[ERROR] must be a positive integer [json-pointer:/length]"])
    alt_text = request.text("alt_txt")
    if len(alt_text) > ALT_TEXT_CHARACTERS:
        raise ApiError("alt_txt_too_large")
    world = request.world
    file = File(world.new_id("F"), name, name, b"", request.workspace.bot_user_id, request.workspace, world.now())
    file.alt_text = alt_text
    request.tickets.uploads[file.id] = file
    return {"upload_url": f"{request.base_url}/upload/v1/{file.id}", "file_id": file.id}


def complete_upload(request: Request) -> Json:
    """Step three: names the files, and posts them where a channel is given."""
    given = request.json("files", "invalid_arguments")
    if not isinstance(given, list) or not given:
        raise ApiError("invalid_arguments", ["[ERROR] missing required field: files"])
    channel = request.channel("channel_id") if request.text("channel_id") else None
    if channel and request.workspace.bot_user_id not in channel.members:
        raise ApiError("not_in_channel")
    if channel and channel.archived:
        raise ApiError("is_archived")
    files = []
    for entry in given:
        file = request.tickets.uploads.get(entry.get("id", ""))
        if file is None or not file.content:
            raise ApiError("file_not_found")
        files.append(file)
    for entry, file in zip(given, files, strict=True):
        file.title = entry.get("title") or file.name
        request.world.files[file.id] = request.tickets.uploads.pop(file.id)
    if channel:
        blocks = request.json("blocks", "invalid_blocks_format")
        comment, shown = content(request.text("initial_comment"), blocks, has_files=True)
        thread_ts = request.text("thread_ts") or None
        post(request.world, channel, request.workspace, comment, shown, thread_ts=thread_ts, files=files)
    return {"files": [file_object(file, request.base_url) for file in files]}


def delete(request: Request) -> Json:
    """A bot deletes its own files only (https://docs.slack.dev/reference/methods/files.delete)."""
    file = request.world.files.get(request.required("file"))
    if file is None or file.workspace is not request.workspace:
        raise ApiError("file_not_found")
    if file.user_id != request.workspace.bot_user_id:
        raise ApiError("cant_delete_file")
    del request.world.files[file.id]
    for message in request.world.messages:
        message.files = [one for one in message.files if one is not file]
    return {}


METHODS = {
    "files.delete": Method(delete, ("files:write",)),
    "files.info": Method(files_info, ("files:read",)),
    "files.getUploadURLExternal": Method(get_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(complete_upload, ("files:write",)),
}

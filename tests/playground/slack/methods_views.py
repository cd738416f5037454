"""views.*: modals and the home tab."""

from __future__ import annotations

from functools import partial

from .call import ApiError, Method, Request
from .objects import file_object
from .views import publish, push, redraw, view_object
from .world import Json, View


def _answer(request: Request, view: View) -> Json:
    return {"view": view_object(view, request.world, partial(file_object, base_url=request.base_url))}


def open_view(request: Request) -> Json:
    """From a modal's own trigger it opens on top of that modal, else it starts a new stack."""
    trigger = request.tickets.redeem(request.required("trigger_id"), request.workspace)
    body = request.json("view", "invalid_arguments")
    return _answer(request, push(request.world, body, trigger.user_id, trigger.workspace, trigger.view))


def push_view(request: Request) -> Json:
    trigger = request.tickets.redeem(request.required("trigger_id"), request.workspace)
    if trigger.view is None or trigger.view.id not in request.world.views:
        raise ApiError("no_active_view")  # a push needs a trigger that came from an open modal
    body = request.json("view", "invalid_arguments")
    return _answer(request, push(request.world, body, trigger.user_id, trigger.workspace, trigger.view))


def update_view(request: Request) -> Json:
    views = [v for v in request.world.views.values() if v.workspace is request.workspace]
    view_id, external_id = request.text("view_id"), request.text("external_id")
    if not view_id and not external_id:
        raise ApiError("invalid_arguments", ["[ERROR] missing required field: view_id"])
    for view in views:
        if view.id == view_id or (external_id and view.body.get("external_id") == external_id):
            if request.text("hash") not in {"", view.hash}:
                raise ApiError("hash_conflict")
            redraw(request.world, view, request.json("view", "invalid_arguments"))
            return _answer(request, view)
    raise ApiError("not_found")


def publish_view(request: Request) -> Json:
    request.params["user"] = request.required("user_id")
    user = request.user()
    home = request.world.homes.get((user.id, request.workspace.id))
    if home and request.text("hash") not in {"", home.hash}:
        raise ApiError("hash_conflict")
    view = publish(request.world, request.json("view", "invalid_arguments"), user.id, request.workspace)
    return _answer(request, view)


METHODS = {
    "views.open": Method(open_view),
    "views.push": Method(push_view),
    "views.update": Method(update_view),
    "views.publish": Method(publish_view),
}

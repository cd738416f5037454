"""What a person did in Slack, read once, in one place, from any of the payloads Slack sends.

Payloads name the channel, the person and the workspace in several places; where two of them disagree the payload is
refused. View state may hold credentials, so nothing here prints it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from bot.errors import BotError
from handlers.slack.codes import SlackCode
from handlers.slack.ids import Input, Ref
from storage import Secret

Body = Mapping[str, Any]


_NOWHERE = Ref()


class Values:
    """What was typed into a modal, by block id."""

    def __init__(self, state: Body) -> None:
        self._elements: dict[str, Body] = {
            block_id: next(iter(elements.values()), {}) for block_id, elements in state.get("values", {}).items()
        }

    def __repr__(self) -> str:
        return f"Values({', '.join(sorted(self._elements))})"

    def __contains__(self, name: str) -> bool:
        return name in self._elements

    def text(self, name: Input) -> str:
        return str(self._elements.get(name, {}).get("value") or "").strip()

    def number(self, name: Input) -> int:
        """A whole number; 0 where there is none."""
        text = self.text(name)
        return int(text) if text.isdecimal() else 0

    def secret(self, name: Input) -> Secret:
        return Secret(self.text(name))

    def choice(self, name: Input) -> str:
        return str((self._elements.get(name, {}).get("selected_option") or {}).get("value") or "")

    def ticked(self, name: Input) -> bool:
        return bool(self._elements.get(name, {}).get("selected_options"))

    def ticks(self, name: Input) -> list[str]:
        """The values of checkboxes that are ticked."""
        return [str(option["value"]) for option in self._elements.get(name, {}).get("selected_options") or ()]

    def labels(self, name: Input) -> dict[str, str]:
        """The values of checkboxes that are ticked, with what stands beside each."""
        ticked = self._elements.get(name, {}).get("selected_options") or ()
        return {str(option["value"]): str(option["text"]["text"]) for option in ticked}

    def people(self, name: Input) -> list[str]:
        """User ids of a multi_users_select."""
        return list(self._elements.get(name, {}).get("selected_users") or [])

    def rich_text(self, name: Input) -> dict[str, Any]:
        return dict(self._elements.get(name, {}).get("rich_text_value") or {})

    def files(self, name: Input) -> list[Body]:
        return list(self._elements.get(name, {}).get("files") or [])

    def day(self, name: Input) -> date | None:
        """A date, or None where nothing was chosen."""
        chosen = self._elements.get(name, {}).get("selected_date")
        return date.fromisoformat(chosen) if chosen else None

    def time(self, name: Input) -> int | None:
        """Seconds since the epoch, or None where nothing was chosen."""
        return self._elements.get(name, {}).get("selected_date_time")


@dataclass(frozen=True, slots=True)
class Interaction:
    """One command, click or submission, or the opening of the App Home."""

    kind: Literal["command", "shortcut", "click", "submission", "opening"]
    key: str  # unique: Slack gives each interaction its own trigger
    workspace: str
    enterprise: str
    user_id: str
    user_team: str
    trigger_id: str
    channel_id: str = ""  # empty in modals and App Home
    private: bool = False  # of a command or shortcut: used in a private channel
    response_url: str = field(default="", repr=False)
    words: tuple[str, ...] = ()
    ref: Ref = _NOWHERE
    view_id: str = ""
    view_hash: str = ""
    at_home: bool = False  # in the App Home: no channel to answer in
    values: Values = field(default_factory=lambda: Values({}), repr=False)
    view: Body = field(default_factory=dict, repr=False)  # as Slack has it
    message: Body = field(default_factory=dict, repr=False)  # of a shortcut: whose menu it was in


def from_command(body: Body) -> Interaction:
    return Interaction(
        kind="command",
        key=body["trigger_id"],
        workspace=body["team_id"],
        enterprise=body.get("enterprise_id") or "",
        user_id=body["user_id"],
        user_team=body["team_id"],  # whose team the person is of, only users.info tells
        trigger_id=body["trigger_id"],
        channel_id=body["channel_id"],
        private=body.get("channel_name") == "privategroup",
        response_url=body["response_url"],
        words=tuple(body.get("text", "").split()),
    )


def from_shortcut(body: Body) -> Interaction:
    """Read a message shortcut (https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload)."""
    channel = body["channel"]
    return replace(
        _from_person(body, kind="shortcut", ref=_NOWHERE, view={}, channel_id=channel["id"]),
        private=channel.get("name") == "privategroup",
        response_url=body["response_url"],
        message=body["message"],
    )


def from_click(body: Body) -> Interaction:
    (action,) = body["actions"]
    view = body.get("view") or {}
    channel_id = (body.get("channel") or {}).get("id", "")
    if channel_id and (body.get("container") or {}).get("channel_id", channel_id) != channel_id:
        raise BotError(SlackCode.MISMATCH)
    return _from_person(
        body,
        kind="click",
        channel_id=channel_id,
        response_url=body.get("response_url") or "",
        ref=Ref.read(action.get("value") or view.get("private_metadata") or ""),  # a choice has no value of ours
        view=view,
    )


def from_submission(body: Body) -> Interaction:
    view = body["view"]
    return _from_person(body, kind="submission", ref=Ref.read(view.get("private_metadata") or ""), view=view)


def _from_person(
    body: Body,
    *,
    kind: Literal["shortcut", "click", "submission"],
    ref: Ref,
    view: Body,
    channel_id: str = "",
    response_url: str = "",
) -> Interaction:
    user = body["user"]
    # In a channel shared with others `team` may be another workspace than the one the modal belongs to.
    workspace = view.get("app_installed_team_id") or (body.get("team") or {}).get("id") or user["team_id"]
    return Interaction(
        kind=kind,
        key=body["trigger_id"],
        workspace=workspace,
        enterprise=(body.get("enterprise") or {}).get("id") or "",
        user_id=user["id"],
        user_team=user.get("team_id") or workspace,
        trigger_id=body["trigger_id"],
        channel_id=channel_id,
        response_url=response_url,
        ref=ref,
        view_id=view.get("id") or "",
        view_hash=view.get("hash") or "",
        at_home=view.get("type") == "home",
        values=Values(view.get("state") or {}),
        view=view,
    )

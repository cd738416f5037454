"""What Slack tells without anybody asking, read once, in one place.

An event is acknowledged only when what follows from it is committed, together with its id: Slack sends it again until
then, and a second delivery changes nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from handlers.slack.dispatch.interaction import Body, Interaction
from storage import Session


@dataclass(frozen=True, slots=True)
class Event:
    """One event of https://docs.slack.dev/apis/events-api, as the workspace that installed Mailroom hears it.

    In a channel shared with others an event may come from another workspace: whose it is says `authorizations`.
    """

    key: str
    kind: str
    workspace: str
    enterprise: str
    bot_user_id: str
    at: datetime  # when Slack sent it first, in whole seconds
    org_wide: bool  # of the installation that a whole organization made
    shared: bool  # in a channel that several workspaces see: Slack tells one of them
    body: Body = field(repr=False)  # the inner event

    @property
    def channel_id(self) -> str:
        """The channel it is about; some events hold its id, others the channel."""
        channel = self.body.get("channel") or ""
        return str(channel if isinstance(channel, str) else channel.get("id", ""))


EventHandler = Callable[[Session, Event], Awaitable[None]]
"""Changes the database in the event's transaction, and nothing else; it may come again after a rollback."""


def from_event(body: Body) -> Event:
    to: dict[str, Any] = next(iter(body.get("authorizations") or []), {})
    enterprise = to.get("enterprise_id") or body.get("enterprise_id") or ""
    workspace = to.get("team_id") or body.get("team_id") or ""
    return Event(
        key=f"event:{body['event_id']}",
        kind=body["event"]["type"],
        workspace=workspace,
        enterprise=enterprise,
        bot_user_id=to.get("user_id", "") if to.get("is_bot") else "",
        at=datetime.fromtimestamp(body["event_time"], UTC),
        org_wide=bool(to.get("is_enterprise_install")) or workspace in {"", enterprise},
        shared=bool(body.get("is_ext_shared_channel")),
        body=body["event"],
    )


def from_opening(body: Body) -> Interaction:
    """Read `app_home_opened`: somebody is there, and may only see what they may see."""
    event = from_event(body)
    return Interaction(
        kind="opening",
        key=event.key,
        workspace=event.workspace,
        enterprise=event.enterprise,
        user_id=event.body["user"],
        user_team=event.workspace,  # whose team the person is of, only users.info tells
        trigger_id="",
    )

"""What a flow registers: subcommands, forms and handlers, and what a handler gets."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient

from bot.mailer.codes import MailerCode
from bot.teams.codes import TeamCode
from handlers.slack import ids
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.interaction import Interaction, Values
from handlers.slack.dispatch.responder import ProgressView
from handlers.slack.views.blocks import Reply
from storage import Team

WITHOUT_FORM: Final = {SlackCode.NOT_ALLOWED, TeamCode.NOT_FOUND, MailerCode.NO_MAILER, MailerCode.CHANGED}
"""Errors after which a form is not shown again: what it was about is gone, or not theirs."""


class Permission(StrEnum):
    """What a listener asks for when it is registered."""

    SEE = "see"  # status, help, check now: members
    SEND = "send"  # compose, test, send, pause, resume, cancel: members whom the settings do not leave out
    ADMINISTER = "administer"  # everything else: team admins


@dataclass(frozen=True, slots=True)
class AckTimeouts:
    """Seconds until a waiting view stands in for an answer."""

    opening: float = 1.0  # a trigger lives 3 s
    submission: float = 2.0  # Slack waits 3 s
    slow: float = 1.0  # of a slow form: what is wrong in a field is still shown there


AS_LONG_AS_SLACK_WAITS = AckTimeouts()


@dataclass(frozen=True, slots=True)
class Request:
    """One authorised interaction. Long work tells `waiting` how far it is."""

    at: Interaction
    team: Team
    client: AsyncWebClient
    waiting: ProgressView
    is_admin: bool = False

    @property
    def user_id(self) -> str:
        return self.at.user_id

    @property
    def ref(self) -> ids.Ref:
        """What the button or the form is about."""
        return self.at.ref

    @property
    def values(self) -> Values:
        """What is typed and chosen in the form."""
        return self.at.values


Handler = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One word of a slash command: matching and help both come from it. `opens` is the title of its modal."""

    word: str
    help: str
    permission: Permission
    handler: Handler
    opens: str = ""


@dataclass(frozen=True, slots=True)
class Listener:
    """What answers to a button, to an input that redraws its modal, or to an entry in the menu of a message.

    `opens` is the title of the modal it opens, if any; `waiting` stands in an open one where the answer takes a while.
    """

    id: ids.Button | ids.Input | ids.Shortcut
    permission: Permission
    handler: Handler
    opens: str = ""
    waiting: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A modal that is submitted. `redraw` makes it again, with what was typed, when an error comes too late.

    `slow`: it takes longer than Slack waits, so that the waiting view comes soon; and always, so that of what was typed
    only that stays which `redraw` puts back.
    """

    id: ids.Form
    permission: Permission
    handler: Handler
    waiting: str
    redraw: Callable[[Request, str], Awaitable[View]] | None = None
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """What a test needs to know to walk every listener."""

    kind: str
    id: str
    permission: Permission | None  # None: an event without a person behind it

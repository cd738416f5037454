"""Who may do what. `authorize` is called for every listener; deny is the default, and a failed lookup is a no."""

import logging
from dataclasses import replace

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from bot.teams.directory import Teams
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.event import Event
from handlers.slack.dispatch.interaction import Interaction
from handlers.slack.dispatch.registration import Permission
from handlers.slack.dispatch.user_directory import Person, UserDirectory
from handlers.slack.workspaces import Workspaces
from storage import Team

log = logging.getLogger(__name__)


class Authorizer:
    """Decides from Slack's own facts about the person, and from whom the team appointed."""

    def __init__(self, people: UserDirectory, teams: Teams, workspaces: Workspaces) -> None:
        self._people = people
        self._teams = teams
        self._workspaces = workspaces

    async def admit(self, at: Interaction) -> Interaction:
        """Return the interaction, of a workspace Mailroom is installed in; nothing is looked up for any other.

        Raises:
            BotError: NOT_ALLOWED.
        """
        try:
            home = await self._workspaces.find(at.workspace)
        except Exception as error:  # as below
            log.warning("could not learn the workspace: %s", error)
            raise _unknown() from error
        if home is None:
            raise _outside()
        return replace(at, enterprise=home.enterprise)

    async def is_foreign(self, event: Event) -> bool:
        """Tell whether an event is of another workspace. It asks for nothing, so a doubt is no reason to lose it."""
        try:
            return await self._workspaces.is_foreign(event.workspace, event.enterprise)
        except Exception as error:  # noqa: BLE001 - a token that was revoked, say, which the event may be about
            log.warning("could not learn the workspace: %s", error)
            return False

    async def authorize(
        self, client: AsyncWebClient, at: Interaction, team: Team | None, permission: Permission
    ) -> bool:
        """Return, where the person may, in an interaction that was admitted, whether they are an admin of the team.

        `team` is None before a channel has become one.

        Raises:
            BotError: NOT_ALLOWED, with a sentence for that person alone.
        """
        try:
            person = await self._people.person(client, at.workspace, at.user_id)
            present = team is None or await self._present(client, at, team, person)
        except Exception as error:  # whatever keeps us from knowing is a no
            log.warning("could not look a person up: %s", error)
            raise _unknown() from error
        self._refuse_outsiders(at, person)
        admin = person.workspace_admin or (team is not None and await self._teams.is_appointed(team, at.user_id))
        if admin:
            return True
        if not present:
            raise BotError(
                SlackCode.NOT_ALLOWED, "This belongs to a channel you are not in.", "Join the channel and try again."
            )
        if permission is Permission.ADMINISTER:
            raise BotError(
                SlackCode.NOT_ALLOWED,
                "Only team admins can do this: owners and admins of the workspace, and the people they appointed.",
                "Please ask one of them.",
            )
        if permission is Permission.SEND and team is not None and team.senders and at.user_id not in team.senders:
            raise BotError(
                SlackCode.NOT_ALLOWED,
                "In this channel only named people may send.",
                "A team admin can add you.",
            )
        return False

    async def _present(self, client: AsyncWebClient, at: Interaction, team: Team, person: Person) -> bool:
        if person.workspace_admin or at.kind == "command":  # a command can only be typed from inside
            return True
        return await self._people.in_channel(client, at.workspace, team.channel_id, at.user_id)

    @staticmethod
    def _refuse_outsiders(at: Interaction, person: Person) -> None:
        if person.deactivated or person.bot:
            raise BotError(SlackCode.NOT_ALLOWED, "This account cannot use Mailroom.")
        if not ({at.user_team} <= {at.workspace, *person.also_in} and person.is_of(at.workspace, at.enterprise)):
            raise _outside()
        if person.guest:
            raise BotError(
                SlackCode.NOT_ALLOWED,
                "Mailroom is for full members of this workspace, and guest accounts cannot use it.",
                "Please ask a full member in this channel.",
            )


def _unknown() -> BotError:
    return BotError(
        SlackCode.NOT_ALLOWED,
        "Slack did not say who you are just now, so nothing was done.",
        "Please try again in a minute.",
    )


def _outside() -> BotError:
    return BotError(
        SlackCode.NOT_ALLOWED,
        "Mailroom is for members of the workspace it is installed in; your account belongs to another one.",
        "Please ask somebody from the host workspace.",
    )

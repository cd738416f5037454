"""A channel's own life: renamed, archived, shared, left, given a new id; and the app's: uninstalled, revoked, back.

Events come twice, late, in any order, or not at all while nobody listens. So they are not believed, but lead to a look:
`conversations.info` says how the channel is now. Only what no look can tell is taken from the event itself: which id
became which, and that the app is gone.
"""

import logging
from datetime import timedelta

from bot.broadcast.approval.follow_up import ApprovalFollowUp
from bot.leased_poller import LeasedPoller
from bot.teams import reachability
from bot.teams.directory import sharing, team_at
from bot.teams.org_workspaces import Removal, removed, workspaces_added, workspaces_taken
from bot.teams.slack_codes import CHANNEL_GONE, WORKSPACE_GONE
from handlers.slack.api_errors import FAILURES, code_of
from handlers.slack.dispatch.event import Event, EventHandler
from handlers.slack.dispatch.interaction import Body
from handlers.slack.dispatch.listeners import Listeners
from handlers.slack.dispatch.user_directory import UserDirectory
from handlers.slack.workspaces import Workspaces
from storage import Database, PollKind, Session, Team, leases

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
AT_ONCE = 5  # conversations.info: about 50 a minute a workspace
UNANSWERED = timedelta(minutes=1)

_OF_A_CHANNEL = ("rename", "archive", "unarchive", "deleted", "left", "shared", "unshared")
_OF_A_GROUP = ("rename", "archive", "unarchive", "deleted", "left")


class ChannelLife(LeasedPoller[leases.Claim]):
    def __init__(
        self,
        db: Database,
        people: UserDirectory,
        workspaces: Workspaces,
        approvals: ApprovalFollowUp,
    ) -> None:
        super().__init__(db, at_once=AT_ONCE)
        self._people = people
        self._workspaces = workspaces
        self._approvals = approvals

    def register(self, listeners: Listeners) -> None:
        handlers: dict[str, EventHandler] = {
            **{f"channel_{what}": self._changed for what in _OF_A_CHANNEL},
            **{f"group_{what}": self._changed for what in _OF_A_GROUP},
            "member_joined_channel": self._member,
            "member_left_channel": self._member,
            "user_change": self._person,
            "channel_id_changed": self._renumbered,
            "tokens_revoked": self._revoked,
            "app_uninstalled": self._uninstalled,
            "team_access_granted": self._added,
            "team_access_revoked": self._taken,
        }
        for name, handler in handlers.items():
            listeners.event(name, handler)

    async def start(self) -> None:
        """Learn which workspaces the app is in; one that was gone, and has a token that works again, is looked at."""
        try:
            working = await self._workspaces.start()
        except FAILURES as error:
            log.warning(
                "Slack does not say which workspace the app is in; nobody is let in until it does: %s", code_of(error)
            )
            return
        async with self._db.write() as session:
            for workspace in working:
                await reachability.workspace_back(session, workspace)

    async def _claim(self, limit: int) -> list[leases.Claim]:
        return await self._claim_polls([PollKind.CHANNEL], limit, LEASE)

    async def _changed(self, session: Session, event: Event) -> None:
        team = await team_at(session, event.workspace, event.channel_id)
        # Of workspaces that share a channel Slack tells one (https://docs.slack.dev/apis/events-api#authorizations).
        others = await sharing(session, event.channel_id) if event.shared else []
        for each in {one.id: one for one in (team, *others) if one is not None}.values():
            await reachability.schedule_check(session, each)

    async def _member(self, session: Session, event: Event) -> None:
        self._forget(event, str(event.body["user"]))
        if event.shared or event.body["user"] == event.bot_user_id:
            await self._changed(session, event)
        await self._approvals.person_changed(session, event.workspace, str(event.body["user"]))

    async def _person(self, session: Session, event: Event) -> None:
        """Somebody was deactivated, or is an admin no more, or has only another picture: that a look must tell."""
        user = str(event.body["user"]["id"])
        self._forget(event, user)
        await self._approvals.person_changed(session, event.workspace, user)

    def _forget(self, event: Event, user: str) -> None:
        """Where a channel is shared, or an organization has several workspaces, the event names one of them."""
        self._people.forget(user, "" if event.shared or event.org_wide else event.workspace)

    async def _renumbered(self, session: Session, event: Event) -> None:
        old, new = str(event.body["old_channel_id"]), str(event.body["new_channel_id"])
        team = await reachability.change_channel_id(session, event.workspace, old, new)
        if team is not None:
            await reachability.schedule_check(session, team)

    async def _revoked(self, session: Session, event: Event) -> None:
        if event.body.get("tokens", {}).get("bot"):  # others are people's, which Mailroom has none of
            await self._gone(session, event, "token_revoked")

    async def _uninstalled(self, session: Session, event: Event) -> None:
        await self._gone(session, event, "app_uninstalled")

    async def _gone(self, session: Session, event: Event, why: str) -> None:
        place = event.enterprise if event.org_wide else event.workspace
        log.warning("Mailroom was removed from %s (%s): nothing more is sent there", place, why)
        workspace = "" if event.org_wide else event.workspace
        await removed(session, Removal(workspace, event.enterprise, why, event.at))

    async def _added(self, session: Session, event: Event) -> None:
        await workspaces_added(session, event.enterprise, event.body["team_ids"])

    async def _taken(self, session: Session, event: Event) -> None:
        await workspaces_taken(session, event.enterprise, event.body["team_ids"])

    async def _work(self, claimed: leases.Claim) -> None:
        async with self._db.read() as session:
            team = await session.get_one(Team, claimed.subject_id)
        try:
            client = await self._workspaces.client(team.slack_team_id)
            channel: Body = (await client.conversations_info(channel=team.channel_id))["channel"]
        except FAILURES as error:
            await self._refused(claimed, team, code_of(error))
        else:
            await self._keep(claimed, team, _out_of_reach(channel), channel)

    async def _refused(self, claim: leases.Claim, team: Team, why: str) -> None:
        if why in CHANNEL_GONE:
            await self._keep(claim, team, why)
            return
        async with self._db.write() as session:
            if why in WORKSPACE_GONE:
                await reachability.mark_unreachable(session, team, why, now=session.now)
            else:
                log.info("Slack did not say how a channel is: %s", why)
                await leases.finish(session, claim, session.now + UNANSWERED)

    async def _keep(self, claim: leases.Claim, seen: Team, why: str, channel: Body | None = None) -> None:
        async with self._db.write() as session:
            team = await session.get_one(Team, seen.id, with_for_update=True)
            pause = reachability.LOOK_AGAIN if why else reachability.LOOK_DAILY
            if team.channel_id != seen.channel_id or not await leases.finish(session, claim, session.now + pause):
                return  # something has happened since: another look is due
            if why:
                await reachability.mark_unreachable(session, team, why, now=session.now)
            else:
                await reachability.mark_reachable(session, team, now=session.now)
            if channel:
                await reachability.describe(
                    session,
                    team,
                    name=channel["name"],
                    private=bool(channel.get("is_private")),
                    shared=bool(channel.get("is_ext_shared")),
                )


def _out_of_reach(channel: Body) -> str:
    if channel.get("is_archived"):
        return "is_archived"
    return "" if channel.get("is_member") else "not_in_channel"

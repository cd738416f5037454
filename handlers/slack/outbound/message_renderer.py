"""Draws an outbox row: loads what it is about, and gives it to the view of its kind."""

from collections.abc import Awaitable, Callable
from datetime import date

from sqlmodel import select

from bot.alerts.incidents import open_incidents
from bot.alerts.ops_channel import later_days
from bot.alerts.outbox import Notice, key_of
from bot.broadcast.audience.token_notices import audience_day
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.pauses import held_for_access
from bot.broadcast.restored.restorations import held_broadcasts
from bot.mailer.connection.shared_accounts import sharing
from bot.mailer.identity_records import records_of
from bot.suppression.token_notices import counts_of
from bot.teams.fleet import fleet
from bot.teams.settings import appointed
from bot.teams.token_names import token_names
from handlers.slack.views import alerts, api_tokens, notices
from handlers.slack.views.approval import requests, settings
from handlers.slack.views.blocks import Message
from handlers.slack.views.broadcast_message import progress_message as draw_progress
from handlers.slack.views.drafts import ends_soon_message
from handlers.slack.views.mailer import identities
from handlers.slack.views.operation import ops_channel, restored
from storage import (
    ApiToken,
    Audit,
    Broadcast,
    BroadcastState,
    Identity,
    IdentityState,
    Incident,
    IncidentKind,
    IncidentState,
    Mailer,
    Outbox,
    Restoration,
    Session,
    Team,
)

_OF_APPROVAL = {
    Notice.APPROVAL_CHANGED,
    Notice.APPROVAL_STEP,
    Notice.APPROVAL_REMINDER,
    Notice.APPROVAL_GOES_ON,
    Notice.APPROVERS_MISSING,
}
_OF_TOKEN = {Notice.TOKEN_ENDS, Notice.TOKEN_MAKER_GONE, Notice.TOKEN_SUPPRESSIONS, Notice.TOKEN_AUDIENCE}
_OF_IDENTITY = {Notice.IDENTITY_ADDED, Notice.IDENTITY_VERIFIED, Notice.IDENTITY_REPLACED}
_OF_ALERT = {Notice.ALERT, Notice.ALERT_REMINDER, Notice.ALERT_OVER, Notice.CHANNEL_GONE}
_FIXED = {Notice.SHARED: notices.channel_shared_message, Notice.DELETED: notices.mailer_deleted_message}

Draw = Callable[[Session, Notice, Outbox], Awaitable[Message | None]]


class MessageRenderer:
    def __init__(self, broadcasts: Broadcasts) -> None:
        self._broadcasts = broadcasts
        self._draw: dict[Notice, Draw] = {
            **dict.fromkeys((Notice.BROADCAST, Notice.DRAFT_ENDS), self._broadcast),
            Notice.RESTORED: self._restored,
            **dict.fromkeys(_OF_APPROVAL, self._approval),
            **dict.fromkeys((Notice.OPS_ALERT, Notice.OPS_DAILY), self._ops),
            **dict.fromkeys(_OF_TOKEN, self._token),
            **dict.fromkeys(_OF_IDENTITY, self._identity),
            **dict.fromkeys(_OF_ALERT, self._alert),
        }

    async def __call__(self, session: Session, row: Outbox) -> Message | None:
        """Return the message as the facts are now; None where what it is about is gone."""
        kind = Notice(row.kind)
        if kind in _FIXED:
            return _FIXED[kind]()
        return await self._draw.get(kind, self._account)(session, kind, row)

    async def _broadcast(self, session: Session, kind: Notice, row: Outbox) -> Message | None:
        progress = await self._broadcasts.progress(session, row.record_id)
        if progress is None:
            return None
        if kind is Notice.BROADCAST:
            return draw_progress(progress)
        return ends_soon_message(progress.broadcast) if progress.broadcast.state is BroadcastState.DRAFT else None

    @staticmethod
    async def _restored(session: Session, _kind: Notice, row: Outbox) -> Message | None:
        restoration = await session.get(Restoration, row.team_id)
        if restoration is None or not row.key.endswith(restoration.restored_at.isoformat()):
            return None  # there was another one since
        return restored.question_message(restoration, await held_broadcasts(session, row.team_id))

    @staticmethod
    async def _ops(session: Session, kind: Notice, row: Outbox) -> Message | None:
        """What the operator's channel is told, while it is that, and no other company reads along."""
        ops = await session.get_one(Team, row.team_id)
        if not ops.ops or ops.shared:
            return None
        if kind is Notice.OPS_DAILY:
            is_newest = not await later_days(session, row)
            return ops_channel.ops_daily_message(await fleet(session)) if is_newest else None
        incident = await session.get(Incident, row.record_id)
        if incident is None or (incident.state is IncidentState.RESOLVED and not row.ts):
            return ops_channel.ops_alert_gone_message() if row.ts else None
        return ops_channel.ops_alert_message(incident, await session.get_one(Team, incident.team_id))

    @staticmethod
    async def _approval(session: Session, kind: Notice, row: Outbox) -> Message | None:
        team = await session.get_one(Team, row.team_id)
        if kind in {Notice.APPROVAL_CHANGED, Notice.APPROVAL_STEP}:
            entry = await session.get_one(Audit, int(row.record_id))
            if kind is Notice.APPROVAL_CHANGED:
                return settings.approval_changed_message(entry, team)
            broadcast = await session.get(Broadcast, entry.subject)
            names = await token_names(session, [entry.actor])
            return requests.step_message(entry, broadcast, names) if broadcast else None
        request = await session.get(Broadcast, row.record_id)
        if request is None or request.state is not BroadcastState.AWAITING_APPROVAL:
            return None
        if kind is Notice.APPROVAL_REMINDER:
            return requests.reminder_message(request)
        if kind is Notice.APPROVAL_GOES_ON:
            return requests.goes_on_message(request)
        return requests.approvers_missing_message(request, await appointed(session, team))

    @staticmethod
    async def _token(session: Session, kind: Notice, row: Outbox) -> Message | None:
        token = await session.get(ApiToken, row.record_id)
        if token is None:
            return None
        if kind is Notice.TOKEN_ENDS:
            return api_tokens.token_ends_message(token)
        if kind is Notice.TOKEN_SUPPRESSIONS:
            day = date.fromisoformat(row.key.rpartition(":")[2])
            return api_tokens.suppressions_message(token, day, *await counts_of(session, token, day))
        if kind is Notice.TOKEN_AUDIENCE:
            episode = row.key.removeprefix(key_of(kind, token.id, ""))[1:]
            told = await audience_day(session, token, episode)
            return api_tokens.audience_message(token, date.fromisoformat(episode[-10:]), told) if told else None
        return api_tokens.maker_gone_message(token, await session.get_one(Team, row.team_id))

    @staticmethod
    async def _account(session: Session, kind: Notice, row: Outbox) -> Message | None:
        mailer = await session.get(Mailer, row.record_id)
        return await _of_mailer(session, kind, mailer) if mailer else None

    @staticmethod
    async def _alert(session: Session, kind: Notice, message: Outbox) -> Message | None:
        if kind is Notice.CHANNEL_GONE:
            team = await session.get_one(Team, message.record_id)
            wrong = await open_incidents(session, team.id)
            return alerts.unreachable_channel_message(team.name, wrong) if wrong and not team.reachable else None
        incident = await session.get(Incident, message.record_id)
        if incident is None:
            return alerts.mailer_deleted_message() if message.ts else None
        match kind:
            case Notice.ALERT:
                return alerts.alert_message(incident)
            case Notice.ALERT_OVER:
                return alerts.resolved_message(incident) if await _is_news(session, incident) else None
        return alerts.reminder_message(incident) if incident.state is IncidentState.OPEN else None

    @staticmethod
    async def _identity(session: Session, kind: Notice, message: Outbox) -> Message | None:
        found = await session.exec(
            select(Identity, Mailer).where(Identity.id == message.record_id, Identity.mailer_id == Mailer.id)
        )
        pair = found.first()
        if pair is None:
            return None
        row, mailer = pair
        if kind is Notice.IDENTITY_REPLACED:
            return identities.replaced_message(row)
        if kind is Notice.IDENTITY_VERIFIED:
            return notices.identity_verified_message(row, mailer)
        if not message.key.endswith(f":{row.attempt}"):
            return identities.superseded_message(row)
        return identities.identity_message(row, records_of(row, mailer.region))


async def _is_news(session: Session, incident: Incident) -> bool:
    """Whether the end of an incident is news: a person who mended an identity knows."""
    if incident.kind is not IncidentKind.IDENTITY_LOST or "members" in incident.detail:
        return True
    identity = await session.get(Identity, incident.subject)
    return identity is not None and identity.state is IdentityState.VERIFIED


async def _of_mailer(session: Session, kind: Notice, mailer: Mailer) -> Message | None:
    match kind:
        case Notice.CONNECTED:
            return notices.connected_message(mailer)
        case Notice.RECONNECTED:
            return notices.reconnected_message(mailer, await held_for_access(session, mailer))
        case Notice.ACCOUNT_SHARED:
            team = await session.get_one(Team, mailer.team_id)
            return notices.account_shared_message(mailer, team, await sharing(session, mailer))
        case Notice.APPLIED:
            return notices.production_requested_message()
        case Notice.GRANTED:
            return notices.production_granted_message(mailer)
    return None

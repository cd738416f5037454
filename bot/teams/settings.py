"""What a team's admins decide about the team itself: who else is one, who may send, what its mail says of it.

A form carries the mark of what it showed. Where that has changed when it comes back, somebody else was at it, and what
they did is not undone by accident.
"""

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from sqlmodel import col, delete, select

from bot.alerts.outbox import Notice, announce
from bot.email_addresses import parse_address, parse_addresses
from bot.errors import BotError
from bot.teams.codes import TeamCode
from bot.teams.policy import APPROVAL_FROM_LIMIT, NO_POLICY, Policy
from storage import ApiToken, ApprovalRule, Audit, Broadcast, Database, KeepRecipients, Session, Team, TeamAdmin, audit

FROM_NAME_LIMIT = 64
POSTAL_ADDRESS_LIMIT = 300
TESTS_GO_TO_LIMIT = 20
_FIXED_BY_POLICY = ("approval", "approval_from", "approvals")
_OF_APPROVAL = (*_FIXED_BY_POLICY, "approvers")


class ChangedMeanwhileError(BotError):
    """Somebody else has changed what the form showed."""

    def __init__(self) -> None:
        super().__init__(
            TeamCode.CHANGED,
        )


@dataclass(frozen=True, slots=True)
class TeamSettings:
    """`reply_to` and all the others may be empty. `senders` are user ids; none: every member may send.

    `approval_from` is the number of recipients from which on the rule FROM asks for approval; `approvers` are user ids,
    none: team admins; `approvals` is how many of them a broadcast needs.
    """

    from_name: str = ""
    reply_to: str = ""
    postal_address: str = ""
    senders: tuple[str, ...] = ()
    tests_go_to: tuple[str, ...] = ()
    approval: ApprovalRule = ApprovalRule.NEVER
    approval_from: int = 1_000
    approvers: tuple[str, ...] = ()
    approvals: int = 1
    keep_recipients: KeepRecipients = KeepRecipients.FOR_EVER

    @classmethod
    def of(cls, team: Team) -> "TeamSettings":
        return cls(
            team.from_name,
            team.reply_to,
            team.postal_address,
            tuple(sorted(team.senders)),
            tuple(team.tests_go_to),
            team.approval,
            team.approval_from,
            tuple(sorted(team.approvers)),
            team.approvals,
            team.keep_recipients,
        )

    def under(self, policy: Policy) -> "TeamSettings":
        """Return them as they count under a policy: the stricter of each."""
        strict = replace(self, approvals=max(self.approvals, policy.approvals))
        if policy.approval_from is None:
            return strict
        if self.approval is ApprovalRule.NEVER:
            return replace(strict, approval=ApprovalRule.FROM, approval_from=policy.approval_from)
        return replace(strict, approval_from=min(self.approval_from, policy.approval_from))

    def changed_from(self, before: "TeamSettings", policy: Policy) -> "TeamSettings":
        """Return them as they are stored once a form that showed `before` under a policy comes back.

        Raises:
            BotError: POLICY, for the field that the policy does not have so.
        """
        if all(getattr(self, name) == getattr(before.under(policy), name) for name in _OF_APPROVAL):
            return replace(self, **{name: getattr(before, name) for name in _FIXED_BY_POLICY})
        strict = self.under(policy)
        for name in _FIXED_BY_POLICY:
            if getattr(self, name) != getattr(strict, name):
                raise BotError(
                    TeamCode.POLICY, f"Who runs this Mailroom has fixed: {' '.join(policy.sentences())}", field=name
                )
        return self

    def checked(self) -> "TeamSettings":
        """Return them in their normal form.

        Raises:
            BotError: for the field (from_name, reply_to, postal_address, tests_go_to, approval_from) that holds what
                cannot be used.
        """
        name, postal = " ".join(self.from_name.split()), self.postal_address.strip()
        if not name.isprintable() or len(name) > FROM_NAME_LIMIT:
            raise BotError(
                TeamCode.FROM_NAME, f"A name is at most {FROM_NAME_LIMIT} visible characters.", field="from_name"
            )
        if len(postal) > POSTAL_ADDRESS_LIMIT:
            raise BotError(
                TeamCode.POSTAL_ADDRESS, f"Shorten it to {POSTAL_ADDRESS_LIMIT} characters.", field="postal_address"
            )
        reply_to = parse_address(self.reply_to, field="reply_to") if self.reply_to.strip() else ""
        tests = "\n".join(self.tests_go_to)
        tests_go_to = parse_addresses(tests, field="tests_go_to", limit=TESTS_GO_TO_LIMIT) if tests.strip() else ()
        if not 1 <= self.approval_from <= APPROVAL_FROM_LIMIT:
            raise BotError(
                TeamCode.APPROVAL_FROM, f"Give a number from 1 to {APPROVAL_FROM_LIMIT:,}.", field="approval_from"
            )
        return replace(
            self,
            from_name=name,
            reply_to=reply_to,
            postal_address=postal,
            senders=tuple(sorted(set(self.senders))),
            tests_go_to=tests_go_to,
            approvers=tuple(sorted(set(self.approvers))),
        )

    @property
    def mark(self) -> int:
        return etag(repr(asdict(self)))


@dataclass(frozen=True, slots=True)
class History:
    """Rows of the audit, the newest first.

    `subjects` has the subject lines of the broadcasts they are about, `tokens` the names of the API tokens; by id.
    """

    rows: Sequence[Audit]
    subjects: dict[str, str]
    tokens: dict[str, str]


class TeamRules:
    def __init__(self, db: Database, policy: Policy = NO_POLICY) -> None:
        self._db = db
        self.policy = policy

    async def admins(self, team: Team) -> list[str]:
        """Return who was appointed; owners and admins of the workspace are team admins without it."""
        async with self._db.read() as session:
            return await appointed(session, team)

    async def seen(self, team: Team) -> list[str]:
        """Return the people who have done something here."""
        actors = select(col(Audit.actor)).where(Audit.team_id == team.id).distinct()
        async with self._db.read() as session:
            found = await session.exec(actors)
        return sorted(who for who in found if who != audit.MAILROOM and not who.startswith(audit.API_TOKEN))

    async def appoint(self, team: Team, users: Sequence[str], seen: int, by: str) -> tuple[set[str], set[str]]:
        """Make these people the appointed admins; return who is one now and was not, and who was and is not.

        Raises:
            ChangedMeanwhileError: `seen` is not the mark of those who are.
        """
        async with self._db.write() as session:
            await session.get_one(Team, team.id, with_for_update=True)
            before = await appointed(session, team)
            if etag(repr(before)) != seen:
                raise ChangedMeanwhileError
            new, gone = set(users) - set(before), set(before) - set(users)
            if not new | gone:
                return new, gone
            of_team = col(TeamAdmin.team_id) == team.id
            await session.exec(delete(TeamAdmin).where(of_team, col(TeamAdmin.user_id).in_(gone)))
            session.add_all(
                TeamAdmin(team_id=team.id, user_id=user, appointed_by=by, appointed_at=session.now)
                for user in sorted(new)
            )
            after = {"admins": sorted(users)}
            audit.record(session, team.id, by, "team.admins", session.now, before={"admins": before}, after=after)
        return new, gone

    async def save(self, team: Team, settings: TeamSettings, seen: int, by: str) -> Team:
        """Store the settings.

        Raises:
            ChangedMeanwhileError: `seen` is not the mark of those that are.
            BotError: a field holds what cannot be used, or what the policy does not have so.
        """
        settings = settings.checked()
        async with self._db.write() as session:
            row = await session.get_one(Team, team.id, with_for_update=True)
            before = TeamSettings.of(row)
            if before.mark != seen:
                raise ChangedMeanwhileError
            after = settings.changed_from(before, self.policy)
            if before == after:
                return row
            row.from_name, row.reply_to, row.postal_address = after.from_name, after.reply_to, after.postal_address
            row.senders, row.tests_go_to = list(after.senders), list(after.tests_go_to)
            row.approval, row.approval_from = after.approval, after.approval_from
            row.approvers, row.approvals = list(after.approvers), after.approvals
            row.keep_recipients = after.keep_recipients
            session.add(row)
            old, new, now = asdict(before), asdict(after), session.now
            changed = [name for name in old if old[name] != new[name]]
            entry = audit.record(
                session,
                team.id,
                by,
                "team.settings",
                now,
                before={name: old[name] for name in changed},
                after={name: new[name] for name in changed},
            )
            if set(changed) & set(_OF_APPROVAL):
                await session.flush()
                await announce(session, team.id, Notice.APPROVAL_CHANGED, str(entry.id), now=now)
        return row

    async def history(self, team: Team, limit: int) -> History:
        """Return what was done last."""
        newest = select(Audit).where(Audit.team_id == team.id).order_by(col(Audit.id).desc()).limit(limit)
        async with self._db.read() as session:
            rows = (await session.exec(newest)).all()
            about = select(Broadcast.id, Broadcast.subject).where(
                Broadcast.team_id == team.id, col(Broadcast.id).in_({row.subject for row in rows})
            )
            tokens = select(ApiToken.id, ApiToken.name).where(ApiToken.team_id == team.id)
            return History(rows, dict((await session.exec(about)).all()), dict((await session.exec(tokens)).all()))


def etag(shown: str) -> int:
    """Return a checksum of the form that fits its version."""
    return zlib.crc32(shown.encode()) % 1_000_000_000


async def appointed(session: Session, team: Team) -> list[str]:
    """Return who was made a team admin here."""
    of_team = select(TeamAdmin.user_id).where(TeamAdmin.team_id == team.id)
    return list(await session.exec(of_team.order_by(col(TeamAdmin.user_id))))

"""The readiness check before a send: on fresh facts, with a refusal that can be shown."""

from bot.broadcast.codes import BroadcastCode
from bot.errors import BotError
from bot.mailer.identities.sender_rules import SenderRules
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.readiness.explanations import explanation
from bot.mailer.readiness.overview import Overviews
from bot.mailer.readiness.rules import Blocker, Confirmation, Readiness, SendWarning
from bot.teams.policy import NO_POLICY, Policy
from bot.teams.slack_codes import WORKSPACE_GONE
from storage import Mailer, SendKind, Team

_OF_FROM = frozenset(
    {
        Blocker.NO_VERIFIED_IDENTITY,
        Blocker.IDENTITY_UNKNOWN,
        Blocker.IDENTITY_PENDING,
        Blocker.IDENTITY_FAILED,
        Blocker.IDENTITY_GONE,
    }
)

_ASKS_FOR_DMARC = frozenset({SendWarning.DNS_SILENT, Confirmation.NO_DMARC})


class NotReadyError(BotError):
    """Not ready; `readiness` has all the reasons, the sentence is about the most basic one."""

    def __init__(self, readiness: Readiness) -> None:
        specific = [code for code in readiness.blockers if code is not Blocker.NO_VERIFIED_IDENTITY]
        code = (specific or readiness.blockers)[0]
        sentence = explanation(code, readiness).sentence
        super().__init__(code, sentence, field="from" if code in _OF_FROM else "")
        self.readiness = readiness


class Preflight:
    def __init__(
        self,
        mailers: Mailers,
        monitor: Monitor,
        overviews: Overviews,
        sender_rules: SenderRules,
        policy: Policy = NO_POLICY,
    ) -> None:
        self._mailers = mailers
        self._monitor = monitor
        self._overviews = overviews
        self._sender_rules = sender_rules
        self.policy = policy

    async def check(
        self,
        team: Team,
        from_address: str,
        kind: SendKind,
        size: int,
        image_bytes: int = 0,
        *,
        again: bool = False,
    ) -> tuple[Mailer, Readiness]:
        """Return the mailer and its readiness, with the warnings.

        Facts that are too old to send on are read again first, and with `again` all are; so is a domain that has no
        DMARC where that counts, since somebody may just have mended it. `size` is recipients that count toward the
        quota, `image_bytes` what the images of one mail come to.

        Raises:
            NotReadyError: it is not ready.
            BotError: APP_REMOVED, or AWS did not answer.
        """
        if team.unreachable_why in WORKSPACE_GONE:
            raise BotError(BroadcastCode.APP_REMOVED)
        mailer, answer = await self._answer(team, from_address, kind, size, image_bytes)
        if mailer is not None and (again or Blocker.FACTS_STALE in answer.blockers):
            await self._monitor.refresh(mailer)
            mailer, answer = await self._answer(team, from_address, kind, size, image_bytes)
        if (
            mailer is not None
            and answer.identity is not None
            and _ASKS_FOR_DMARC & {*answer.warnings, *answer.confirmations}
        ):
            await self._sender_rules.refresh(mailer, answer.identity.name)
            mailer, answer = await self._answer(team, from_address, kind, size, image_bytes)
        if mailer is None or not answer.allowed:
            raise NotReadyError(answer)
        return mailer, answer

    async def _answer(
        self, team: Team, from_address: str, kind: SendKind, size: int, image_bytes: int
    ) -> tuple[Mailer | None, Readiness]:
        mailer = await self._mailers.get(team)
        identities = tuple(await self._mailers.identities(mailer)) if mailer else ()
        return mailer, self._overviews.ask(
            mailer, identities, from_address=from_address, kind=kind, size=size, image_bytes=image_bytes
        )

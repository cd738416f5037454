"""The status of a team: its facts, what is still missing, and the one next step."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.mailer.mailers import Mailers
from bot.mailer.readiness.explanations import Explanation, NextStep, explanation
from bot.mailer.readiness.facts import facts_from, stale_after
from bot.mailer.readiness.rules import Blocker, Readiness, readiness
from storage import FAILING, Identity, IdentityKind, IdentityState, Incident, Mailer, SendKind, Team


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist; `missing` says why it is not done, and what does it."""

    title: str
    missing: Explanation | None
    waits: bool = False  # an earlier item comes first
    faster: NextStep | None = None  # what else does it, in less time

    @property
    def done(self) -> bool:
        return self.missing is None and not self.waits


_ITEMS = (
    ("Amazon SES is connected", {Blocker.NO_MAILER}),
    ("AWS accepts the credentials", {Blocker.ACCESS_LOST, Blocker.ACCESS_SUSPECT}),
    (
        "A sender address or domain is verified",
        {
            Blocker.NO_VERIFIED_IDENTITY,
            Blocker.IDENTITY_UNKNOWN,
            Blocker.IDENTITY_PENDING,
            Blocker.IDENTITY_FAILED,
            Blocker.IDENTITY_GONE,
        },
    ),
    ("AWS has granted production access", {Blocker.SANDBOX, Blocker.IN_REVIEW, Blocker.DENIED}),
    ("AWS lets the account send", {Blocker.SENDING_PAUSED, Blocker.ACCOUNT_SHUT_DOWN}),
    ("What Mailroom knows is fresh", {Blocker.FACTS_STALE}),
)


@dataclass(frozen=True, slots=True)
class Overview:
    """A team with its mailer and every identity of the account; `answer` is its readiness for a broadcast."""

    team: Team
    mailer: Mailer | None
    identities: tuple[Identity, ...]
    answer: Readiness
    incidents: tuple[Incident, ...] = ()  # open ones, the most basic first

    @property
    def managed(self) -> tuple[Identity, ...]:
        return tuple(row for row in self.identities if row.managed)

    @property
    def waiting(self) -> Identity | None:
        """The identity that waits for AWS, where one does."""
        return next((row for row in self.managed if row.state is IdentityState.PENDING), None)

    @property
    def failing(self) -> tuple[Identity, ...]:
        """The identities that a person has to mend."""
        return tuple(row for row in self.managed if row.state in FAILING and not row.intent)

    @property
    def shaky(self) -> tuple[Identity, ...]:
        """The identities that still send, and that AWS may soon refuse."""
        return tuple(row for row in self.managed if row.state is IdentityState.TEMPORARY_FAILURE)

    @property
    def next_step(self) -> NextStep | None:
        """What a person can do now; None where nothing is left to do, or only waiting."""
        steps = (item.missing.step for item in checklist(self) if item.missing)
        return next((step for step in steps if step not in {NextStep.WAIT, NextStep.ASK_AWS}), None)


def checklist(overview: Overview) -> list[Item]:
    """Return what a broadcast needs, in order, done or missing.

    With several reasons behind one item, the last one is the nearest to what a person does: an identity that waits
    says more than that none is verified. Where that is a domain, an address beside it is verified sooner.
    """
    answer = overview.answer
    items = []
    for title, codes in _ITEMS:
        found = [code for code in answer.blockers if code in codes]
        waits = answer.facts is None and Blocker.NO_MAILER not in codes
        waiting = overview.waiting
        slow = Blocker.NO_VERIFIED_IDENTITY in found and waiting is not None and waiting.kind is IdentityKind.DOMAIN
        missing = explanation(found[-1], answer) if found else None
        items.append(Item(title, missing, waits, NextStep.ADD_IDENTITY if slow else None))
    always = 4  # the last ones are worth a line only when something is wrong
    return [item for at, item in enumerate(items) if at < always or item.missing]


class Overviews:
    def __init__(
        self,
        mailers: Mailers,
        clock: Callable[[], datetime],
        *,
        small_limit: int,
        healthy_seconds: float,
        one_click: bool,
    ) -> None:
        """`one_click`: recipients can unsubscribe by a link."""
        self._mailers = mailers
        self._clock = clock
        self._small_limit = small_limit
        self._one_click = one_click
        self._facts_live = stale_after(timedelta(seconds=healthy_seconds))

    async def get(self, team: Team) -> Overview:
        """Read what is stored; AWS is not asked."""
        mailer = await self._mailers.get(team)
        identities = tuple(await self._mailers.identities(mailer)) if mailer else ()
        return Overview(
            team,
            mailer,
            identities,
            self.ask(mailer, identities, from_address="", kind=SendKind.BROADCAST, size=1),
            incidents=tuple(await self._mailers.incidents(team)) if mailer else (),
        )

    def ask(
        self,
        mailer: Mailer | None,
        identities: tuple[Identity, ...],
        *,
        from_address: str,
        kind: SendKind,
        size: int,
        image_bytes: int = 0,
    ) -> Readiness:
        """Decide readiness with this installation's limits."""
        return readiness(
            facts_from(mailer, identities, one_click=self._one_click),
            from_address,
            kind,
            size,
            self._clock(),
            image_bytes=image_bytes,
            small_limit=self._small_limit,
            facts_live=self._facts_live,
        )

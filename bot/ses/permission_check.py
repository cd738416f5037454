"""Whether credentials may do all that Mailroom needs, action by action, with the set-up made on the way.

Asked of IAM's simulator where that is allowed, else found out by calls that do no harm: `permission_probes.py`. What
the simulator denies is still tried: it knows nothing of resource policies. What it allows is believed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bot.ses.client import WAITS, AwsSession
from bot.ses.deprovisioning import deprovision, remove_queue
from bot.ses.errors import ErrorKind, SesError
from bot.ses.permission_probes import Probe, probes, simulate
from bot.ses.provisioning import Provisioned, ResourceNames, provision
from bot.ses.retries import ExpectedRefusal, Retrier, Sleep

log = logging.getLogger(__name__)

NEW_KEY_SETTLES_SECONDS = 15  # a key made just now may not be known everywhere yet
PARALLEL = 3  # SES allows about one management call a second and account
# Nothing more can be asked.
_LOST = frozenset(
    {ErrorKind.ACCESS, ErrorKind.EXPIRED, ErrorKind.CLOCK_SKEW, ErrorKind.NOT_SIGNED_UP, ErrorKind.REGION_OFF}
)
OnAction = Callable[["ActionCheck"], None]


class Outcome(StrEnum):
    OK = "ok"
    MISSING = "missing"
    SKIPPED = "skipped"  # checked when used
    UNKNOWN = "unknown"  # AWS gave no answer that settles it


@dataclass(frozen=True)
class ActionCheck:
    """One action. `note` is a short text of ours or an AWS code, never AWS's own words."""

    action: str
    required: bool
    outcome: Outcome
    note: str = ""


@dataclass(frozen=True)
class AccessReport:
    """What a check found. `set_up` is None for a root key, another account, and a failed check that was undone."""

    account_id: str
    principal_arn: str
    is_root: bool
    steps: tuple[ActionCheck, ...]
    set_up: Provisioned | None
    left_over: tuple[str, ...] = ()  # pieces of a failed check that could not be removed
    refusal: SesError | None = None  # the first piece that AWS did not take, though it may be asked for

    @property
    def missing(self) -> tuple[str, ...]:
        return self._actions(Outcome.MISSING, required=True)

    @property
    def missing_optional(self) -> tuple[str, ...]:
        return self._actions(Outcome.MISSING, required=False)

    @property
    def undecided(self) -> tuple[str, ...]:
        """Required actions of which AWS did not say whether they are allowed."""
        return self._actions(Outcome.UNKNOWN, required=True)

    @property
    def passed(self) -> bool:
        return self.set_up is not None and not (self.missing or self.undecided)

    def _actions(self, outcome: Outcome, *, required: bool) -> tuple[str, ...]:
        return tuple(step.action for step in self.steps if step.outcome is outcome and step.required is required)


async def check(
    session: AwsSession,
    connection: str,
    *,
    on_action: OnAction = lambda _: None,
    sleep: Sleep | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> AccessReport:
    """Check credentials for a new connection; what this sets up is undone when they do not pass.

    Args:
        session: signed in with the credentials, in the region.
        connection: a new random name. If any of its pieces is there already, nothing is undone.
        on_action: called with each Step as it is decided.
        sleep: as asyncio.sleep, in seconds; None is the session's own.
        monotonic: a clock for waiting, in seconds.

    Raises:
        SesError: when nothing can be said: wrong credentials (ErrorKind.ACCESS), AWS out of reach, …
    """
    run = _Check(
        session,
        connection,
        on_action,
        sleep or session.sleep,
        monotonic,
        settled_at=monotonic() + NEW_KEY_SETTLES_SECONDS,
    )
    report = await run.report()
    done = report.set_up
    if done is not None and not done.found:
        if run.lost is not None or not report.passed:
            report = replace(report, set_up=None, left_over=await deprovision(session, done, made_now=True))
        elif done.queue_url is not None and not (done.queue_works or done.queue_waits):
            left_over = await remove_queue(session, done.queue_url, made_now=True)
            report = replace(report, set_up=replace(done, queue_url=None), left_over=left_over)
    for piece in report.left_over:
        log.warning("a failed check left something at AWS: %s", piece)
    if run.lost is not None:
        raise run.lost
    return report


async def recheck(
    session: AwsSession,
    connection: str,
    *,
    account_id: str = "",
    new_key: bool = False,
    endpoint: str = "",
    on_action: OnAction = lambda _: None,
    sleep: Sleep | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> AccessReport:
    """Check the credentials of a connection that is in use, new ones or its own: its pieces are mended, never undone.

    Args:
        session: as `check`.
        connection: the one in use.
        account_id: the account it is in. Credentials of another one are looked at no further: `set_up` is None.
        new_key: whether a key that AWS does not know is waited for, and what the simulator allows is believed, as
            `check` does. Of credentials in use it counts what they really may.
        endpoint: the address that SNS is to tell of events where no queue does, if there is one. Only a connection
            that is in use can confirm the subscription.
        on_action: as `check`.
        sleep: as `check`.
        monotonic: as `check`.

    Raises:
        SesError: as `check`.
    """
    settled_at = monotonic() + (NEW_KEY_SETTLES_SECONDS if new_key else 0)
    run = _Check(session, connection, on_action, sleep or session.sleep, monotonic, settled_at, trusting=new_key)
    report = await run.report(endpoint, account_id)
    if run.lost is not None:
        raise run.lost
    return report


class _Check:
    """One run over every action. Once `lost` is set no further call is made."""

    def __init__(
        self,
        session: AwsSession,
        connection: str,
        on_action: OnAction,
        sleep: Sleep,
        monotonic: Callable[[], float],
        settled_at: float,
        *,
        trusting: bool = True,
    ) -> None:
        self.lost: SesError | None = None
        self._session = session
        self._connection = connection
        self._on_action = on_action
        self._patience = Retrier(session, sleep, monotonic, settled_at)
        self._trusting = trusting
        self._steps: dict[str, ActionCheck] = {}
        self._broken = False
        self._refusal: SesError | None = None

    async def report(self, endpoint: str = "", expected_account: str = "") -> AccessReport:
        identity = await self._patience.call("sts:GetCallerIdentity", lambda sts: sts.get_caller_identity())
        self._record(ActionCheck("sts:GetCallerIdentity", required=True, outcome=Outcome.OK))
        account_id, arn = str(identity["Account"]), str(identity["Arn"])
        is_root = arn.endswith(":root")
        done = None
        if not is_root and expected_account in {"", account_id}:
            await self._probe_all(arn)
            place = ResourceNames(self._connection, self._session.region, arn.split(":")[1], account_id)
            if self.lost is None:
                done = await provision(place, self._attempt, endpoint)
        return AccessReport(account_id, arn, is_root, tuple(self._steps.values()), done, refusal=self._refusal)

    async def _probe_all(self, arn: str) -> None:
        tried = probes()
        decided = await simulate(self._session, arn, tried)
        gate = asyncio.Semaphore(PARALLEL)

        async def one(probe: Probe) -> None:
            async with gate:
                await self._probe(probe, decided)

        await asyncio.gather(*(one(probe) for probe in tried))
        for probe in tried:  # the denial of one action may have hidden what AWS thinks of another
            for action in probe.actions:
                if action not in self._steps:
                    self._record(ActionCheck(action, probe.required, Outcome.UNKNOWN, "hidden by another denial"))
        order = {"sts:GetCallerIdentity": None} | dict.fromkeys(action for probe in tried for action in probe.actions)
        self._steps = {action: self._steps[action] for action in order}

    async def _probe(self, probe: Probe, decided: dict[str, bool]) -> None:
        if self.lost is not None:
            return
        believed = self._trusting or probe.call is None
        allowed = tuple(action for action in probe.actions if believed and decided.get(action))
        self._decide(allowed, probe.required, Outcome.OK)
        if allowed == probe.actions:
            return
        if probe.call is None:
            denied = any(action in decided for action in probe.actions)
            outcome = Outcome.MISSING if denied else Outcome.SKIPPED
            self._decide(probe.actions, probe.required, outcome, "" if denied else "checked when used")
        else:
            try:
                await self._patience.call(probe.actions[0], probe.call)
            except SesError as error:
                self._judge(error, probe.actions, probe.required, proof=True)
            else:
                self._decide(probe.actions, probe.required, Outcome.OK)

    async def _attempt(
        self,
        action: str,
        call: Callable[[Any], Any],
        *,
        required: bool = True,
        fine: ErrorKind | None = None,
        not_yet: ExpectedRefusal | None = None,
    ) -> dict[str, Any] | SesError:
        """Make one call of the set-up (provisioning.Attempt).

        Where a call before it failed, a refusal over what is not there proves the right to ask, as in a probe.
        """
        if self.lost is not None:
            return self.lost
        try:
            answer: dict[str, Any] = await self._patience.call(action, call, None if self._broken else not_yet)
        except SesError as error:
            outcome = self._judge(error, (action,), required, proof=self._broken or error.kind is fine)
            if outcome is not Outcome.OK:
                self._broken = True
                if error.kind is ErrorKind.BAD_REQUEST:
                    self._refusal = self._refusal or error
            return error
        self._decide((action,), required, Outcome.OK)
        return answer

    def _judge(self, error: SesError, actions: tuple[str, ...], required: bool, *, proof: bool) -> Outcome:
        """Say what a refusal means for the actions. `proof`: AWS says "not found" only to those who may ask."""
        if error.kind in _LOST:
            self.lost = error
            return Outcome.UNKNOWN
        if error.kind is ErrorKind.MISSING_ACTION:
            named = next((action for action in actions if action.lower() == error.action.lower()), None)
            note = "" if named else f"AWS names {error.action}"
            return self._decide((named or actions[0],), required, Outcome.MISSING, note)
        if proof and error.kind not in WAITS:
            return self._decide(actions, required, Outcome.OK)
        return self._decide(actions, required, Outcome.UNKNOWN, error.code)

    def _decide(self, actions: tuple[str, ...], required: bool, outcome: Outcome, note: str = "") -> Outcome:
        for action in actions:
            self._record(ActionCheck(action, required, outcome, note))
        return outcome

    def _record(self, step: ActionCheck) -> None:
        """Keep the step, unless another call about the same action came out worse."""
        known = self._steps.get(step.action)
        if known is None or _WORSE.index(step.outcome) > _WORSE.index(known.outcome):
            self._steps[step.action] = step
            self._on_action(step)


_WORSE = (Outcome.OK, Outcome.SKIPPED, Outcome.UNKNOWN, Outcome.MISSING)

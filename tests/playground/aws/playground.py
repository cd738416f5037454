"""A whole AWS for tests and demonstrations: accounts, keys, SES, SNS, SQS, on one loopback port."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from tests.playground.aws.calls import Call
from tests.playground.aws.events import EventPublisher
from tests.playground.aws.faults import Fault, Faults, How
from tests.playground.aws.front_door import FrontDoor
from tests.playground.aws.moto_bridge import Moto
from tests.playground.aws.outbox import Mail, Outbox
from tests.playground.aws.principals import Directory, Key, Role, permissions
from tests.playground.aws.rates import Rates
from tests.playground.aws.rules import Rules
from tests.playground.aws.server import HttpServer
from tests.playground.aws.ses_state import Ses
from tests.playground.aws.sns import Sns
from tests.playground.aws.sqs import Sqs
from tests.playground.aws.worker import Worker

ACCOUNT = "111122223333"


def utc_now() -> datetime:
    return datetime.now(UTC)


class AwsPlayground:
    """Real boto3 works against `url` unchanged. Run one at a time in a process: moto's state is shared.

    `clock` moves quotas, rates and expiry; signatures are held against the real time. `record=False` keeps
    neither mails nor calls (only `mail_count`), for loads of a million.
    """

    def __init__(self, clock: Callable[[], datetime] | None = None, *, port: int = 0, record: bool = True) -> None:
        self.clock = clock or utc_now
        self.directory = Directory()
        self.faults = Faults()
        self.moto = Moto()
        self.calls: list[Call] = []
        self.regions_off: dict[str, str] = {}
        self.skew = timedelta()
        """How far AWS's clock is ahead of this machine's: over 15 minutes signatures are refused."""
        self._record = record
        self._port = port
        self._events, self._posts = Worker("aws-events", self._now), Worker("aws-posts", self._now)
        self._server = HttpServer(FrontDoor(self))
        self.rules = Rules()
        self.rates = Rates()
        self.sqs = Sqs(self._now, lambda: self._server.host, self._in_force)
        self.sns = Sns(self.moto, self.sqs.deliver, self._posts, self._now, self._in_force)
        self.outbox = Outbox(EventPublisher(self._events, self.sns.publish_for_ses), keep=record)
        self._ses: dict[tuple[str, str], Ses] = {}
        self._lock = threading.Lock()

    # Running

    def start(self) -> Self:
        self.moto.reset()
        self.sqs.open()
        self._events.start()
        self._posts.start()
        self._server.open(self._port)
        return self

    def stop(self) -> None:
        self._server.close(self._let_go)
        self.faults.clear()
        self._events.close()
        self._posts.close()
        self.moto.reset()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """For `endpoint_url` or AWS_ENDPOINT_URL."""
        return f"http://{self._server.host}"

    def go_away(self) -> None:
        """Connections are refused, open ones are cut, until `come_back`. Nothing is forgotten."""
        self._server.close(self._let_go)

    def come_back(self) -> None:
        self.sqs.open()
        self._server.open()

    def reset(self) -> None:
        """As new: no keys, no state, no faults, no records, and there."""
        self.come_back()
        self.faults.clear()
        self._events.clear()
        self.settle()
        with self._lock:
            self._ses.clear()
        self.directory.clear()
        self.regions_off.clear()
        self.skew = timedelta()
        self.calls.clear()
        self.outbox.clear()
        self.sns.clear()
        self.sqs.clear()
        self.rules = Rules()
        self.rates.clear()
        self.moto.reset()

    # Keys and roles

    def create_key(
        self,
        account: str = ACCOUNT,
        user: str = "mailroom",
        *,
        allow: Iterable[str] | None = None,
        deny: Iterable[str] = (),
        root: bool = False,
    ) -> Key:
        """An access key with permissions of its own. `allow=None` allows all of SES, SNS, SQS and STS."""
        return self.directory.create_key(account, user, permissions(allow, deny), root=root)

    def create_role(
        self,
        account: str = ACCOUNT,
        name: str = "mailroom",
        *,
        external_id: str | None = None,
        trusted: str | None = None,
        allow: Iterable[str] | None = None,
        deny: Iterable[str] = (),
    ) -> Role:
        """A role for `sts:AssumeRole`; `trusted` is the account whose principals may (None: any)."""
        return self.directory.create_role(account, name, permissions(allow, deny), external_id, trusted)

    def delete_role(self, role: Role | str) -> None:
        self.directory.delete_role(role.arn if isinstance(role, Role) else role)

    def revoke(self, key: Key | str) -> None:
        """Deactivate the key; `restore` makes it work again."""
        self.directory.set_active(key.access_key_id if isinstance(key, Key) else key, active=False)

    def restore(self, key: Key | str) -> None:
        self.directory.set_active(key.access_key_id if isinstance(key, Key) else key, active=True)

    def set_permissions(
        self, who: Key | Role | str, *, allow: Iterable[str] | None = None, deny: Iterable[str] = ()
    ) -> None:
        """Replace the permissions of a key or role, as IAM does: a little later."""
        seconds = self.rules.permissions_seconds
        self.directory.set_permissions(who, permissions(allow, deny), self.clock(), seconds)

    # State

    def ses(self, account: str = ACCOUNT, region: str = "eu-west-1") -> Ses:
        """SES of that account and region, made at first use."""
        with self._lock:
            if (account, region) not in self._ses:
                self._ses[account, region] = Ses(account, region, self._now, self.outbox, self._in_force)
            return self._ses[account, region]

    def every_ses(self) -> list[Ses]:
        return list(self._ses.values())

    def switch_off(self, region: str, how: str = "RegionDisabledException") -> None:
        """SES, SNS and SQS are not to be had there; `how` is an error code, or `refuse`."""
        self.regions_off[region] = how

    def switch_on(self, region: str) -> None:
        self.regions_off.pop(region, None)

    # Failing

    def fail(
        self,
        operation: str = "*",
        how: str = How.THROTTLE,
        times: int | None = 1,
        *,
        message: str | None = None,
        account: str | None = None,
        region: str | None = None,
        chance: float = 1.0,
    ) -> Fault:
        """Let the next `times` calls of `operation` (`ses:SendEmail`, `ses:*`, `*`) fail; None: until `heal`.

        `how`: see How, or any AWS error code. `chance`: the share of these calls, drawn from `faults.random`.
        """
        return self.faults.plant(Fault(operation, how, times, message, account, region, chance))

    def heal(self, fault: Fault | None = None) -> None:
        """Take back one fault, or all of them, and let go what hangs."""
        if fault is None:
            self.faults.clear()
        else:
            self.faults.remove(fault)

    # What happened

    @property
    def mails(self) -> list[Mail]:
        """Every mail that SES sent, oldest first."""
        return self.outbox.mails

    @property
    def feedback_mails(self) -> list[Mail]:
        """What SES mailed to senders about bounces and complaints, oldest first."""
        return self.outbox.feedback

    def happens(self, mail: Mail, event: str) -> None:
        """Something becomes known about a mail sent before: BOUNCE, COMPLAINT. Its events go out."""
        self.outbox.happens(self.ses(mail.account, mail.region), mail, event, mail.to)

    @property
    def mail_count(self) -> int:
        return self.outbox.count

    def mails_to(self, address: str) -> list[Mail]:
        return self.outbox.to(address)

    def calls_of(self, operation: str) -> list[Call]:
        return [call for call in list(self.calls) if call.operation == operation]

    def settle(self, timeout: float = 30) -> bool:
        """Wait until every event so far is in its queues and with its endpoints."""
        return self._events.settle(timeout) and self._posts.settle(timeout)

    def record(self, call: Call) -> None:
        if self._record:
            self.calls.append(call)

    def _in_force(self) -> Rules:
        return self.rules

    def _now(self) -> datetime:
        """By the clock of the moment: it may be replaced."""
        return self.clock()

    def _let_go(self) -> None:
        self.faults.release()
        self.sqs.close()

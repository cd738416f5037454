"""What SES knows in one account and region, and the controls by which a test or a person changes it."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import TYPE_CHECKING

from tests.playground.aws.addresses import domain_of, is_address, is_simulator, normal_identity
from tests.playground.aws.limits import Window
from tests.playground.aws.rules import LONG_AGO, Rules
from tests.playground.aws.template import MAX_CALL_BYTES

if TYPE_CHECKING:
    from tests.playground.aws.outbox import Outbox

Clock = Callable[[], datetime]
UNLIMITED = -1
_TOKEN_LETTERS = string.ascii_lowercase + string.digits


class Verification(StrEnum):
    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TEMPORARY_FAILURE = "TEMPORARY_FAILURE"
    NOT_STARTED = "NOT_STARTED"


class Review(StrEnum):
    PENDING = "PENDING"
    FAILED = "FAILED"
    GRANTED = "GRANTED"
    DENIED = "DENIED"


@dataclass(slots=True)
class MailFrom:
    domain: str
    behavior: str = "USE_DEFAULT_VALUE"
    status: str = "PENDING"


@dataclass(slots=True)
class Identity:
    name: str
    created: datetime
    status: Verification = Verification.PENDING
    error: str | None = None
    checked: datetime | None = None
    verified: datetime | None = None
    tokens: tuple[str, ...] = ()
    hosted_zone: str = ""
    dkim_status: Verification = Verification.NOT_STARTED
    mail_from: MailFrom | None = None
    configuration_set: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    known_from: datetime = LONG_AGO
    forwards_feedback: bool = True

    @property
    def is_domain(self) -> bool:
        return "@" not in self.name

    @property
    def sends(self) -> bool:
        """A temporary failure of an identity that was verified does not stop it from sending."""
        return self.status is Verification.SUCCESS or (
            self.status is Verification.TEMPORARY_FAILURE and self.verified is not None
        )


@dataclass(slots=True)
class EventDestination:
    name: str
    enabled: bool
    event_types: tuple[str, ...]
    topic_arn: str | None


@dataclass(slots=True)
class ConfigurationSet:
    name: str
    sending_enabled: bool = True
    options: dict[str, object] = field(default_factory=dict)
    """The option groups as the client gave them (TrackingOptions, DeliveryOptions, ...)."""
    tags: dict[str, str] = field(default_factory=dict)
    destinations: dict[str, EventDestination] = field(default_factory=dict)


@dataclass(slots=True)
class Details:
    """The account details of the production access form, as given."""

    fields: dict[str, object]
    review: Review | None = None
    case_id: str | None = None


@dataclass(slots=True)
class Refused:
    """Recipients that SendBulkEmail does not take, as `Ses.refuse` was told."""

    pattern: str
    how: str
    message: str
    times: int | None

    @property
    def is_of_the_call(self) -> bool:
        return not self.how.isupper()


@dataclass(slots=True)
class Suppressed:
    address: str
    reason: str
    at: datetime


class Ses:
    """SES of one account and region. New ones are as AWS makes them: sandbox, 200 recipients in 24 hours,
    one a second, healthy.

    Names that a control does not find are created first, so that one line sets a scene.
    """

    def __init__(self, account: str, region: str, clock: Clock, outbox: Outbox, rules: Callable[[], Rules]) -> None:
        self.account = account
        self.region = region
        self.clock = clock
        self.outbox = outbox
        self.rules = rules
        self.lock = threading.RLock()
        self.identities: dict[str, Identity] = {}
        self.configuration_sets: dict[str, ConfigurationSet] = {}
        self.suppressed: dict[str, Suppressed] = {}
        self.suppressed_reasons: tuple[str, ...] = ("BOUNCE", "COMPLAINT")
        self.outcomes: dict[str, str] = {}
        self.other_names: dict[str, str] = {}
        self.names_others = False
        """Whether deliveries name another address too, which AWS is not known to do."""
        self.refused: list[Refused] = []
        self.refuses_whole = True
        """Whether a sender that is not verified is an answer to a whole bulk call; else to every entry."""
        self.refused_share = 0.0
        """Of the bulk calls with several recipients: refused as a whole, for no reason that lasts."""
        self.random = Random()  # noqa: S311 - chance, no secret
        self.details: Details | None = None
        self.production = False
        self.sending_enabled = True
        self.enforcement_status = "HEALTHY"
        self.pricing_plan = "NONE"
        """None of them: what is used is paid for; "": not said."""
        self.max_24h: float = 200
        self.rate: float = 1
        self.call_bytes = MAX_CALL_BYTES
        self.sent = Window(timedelta(hours=24))
        self.sent_last_second = Window(timedelta(seconds=1))

    # Identities

    def create_identity(self, name: str, tags: dict[str, str] | None = None) -> Identity:
        name = normal_identity(name)
        identity = Identity(name, self.clock(), tags=tags or {})
        if identity.is_domain:
            identity.tokens = tuple(_token() for _ in range(3))
            identity.hosted_zone = (
                "dkim.amazonses.com"
                if self.region == "us-east-1"
                else f"{_token()[:6]}.dkim.{self.region}.amazonses.com"
            )
            identity.dkim_status = Verification.PENDING
        self.identities[name] = identity
        return identity

    def verify(self, *names: str) -> None:
        """AWS has found the DNS records, or the link in the mail was clicked."""
        for name in names:
            identity = self._set(name, Verification.SUCCESS)
            identity.verified = identity.checked

    def fail(self, name: str, error: str | None = None) -> None:
        """AWS gave up. `error` is a VerificationError, given as VerificationInfo.ErrorType."""
        self._set(name, Verification.FAILED, error)

    def temporary_failure(self, name: str, error: str | None = "DNS_SERVER_ERROR") -> None:
        """AWS cannot check just now; an identity that was verified goes on sending."""
        self._set(name, Verification.TEMPORARY_FAILURE, error)

    def pend(self, name: str, error: str | None = None) -> None:
        """AWS is looking (again); `error` is what its last look found."""
        self._set(name, Verification.PENDING, error)

    def vanish(self, name: str) -> None:
        """Somebody deleted the identity in the AWS console."""
        with self.lock:
            del self.identities[normal_identity(name)]

    def mail_from(self, name: str, status: str, *, reject: bool = False) -> None:
        """The state of the identity's MAIL FROM domain; with `reject` nothing is sent unless it is SUCCESS."""
        with self.lock:
            identity = self._identity(name)
            found = identity.mail_from or MailFrom(f"mail.{domain_of(identity.name)}")
            found.status = status
            found.behavior = "REJECT_MESSAGE" if reject else found.behavior
            identity.mail_from = found

    def covering(self, address: str) -> list[Identity]:
        """The identities that let one send as `address`: itself, its domain, the domains above."""
        name = normal_identity(address)
        labels = domain_of(name).split(".")
        names = [name, *(".".join(labels[index:]) for index in range(len(labels) - 1))]
        return [self.identities[each] for each in names if each in self.identities]

    # The account

    def grant_production(self, quota: float = 50_000, rate: float = 14) -> None:
        with self.lock:
            self.production = True
            self.max_24h, self.rate = quota, rate
            self.review(Review.GRANTED)

    def deny_production(self, case_id: str | None = None) -> None:
        with self.lock:
            self.production = False
            self.review(Review.DENIED, case_id)

    def review(self, status: str, case_id: str | None = None) -> None:
        """The state of the request for production access; FAILED is AWS's own failure."""
        with self.lock:
            self.details = self.details or Details({})
            self.details.review = Review(status)
            self.details.case_id = case_id or self.details.case_id or _case_id()

    def set_quota(self, max_24h: float | None = None, rate: float | None = None, sent: int | None = None) -> None:
        """Recipients in 24 hours (-1 is unlimited), recipients a second, recipients used just now."""
        with self.lock:
            self.max_24h = self.max_24h if max_24h is None else max_24h
            self.rate = self.rate if rate is None else rate
            if sent is not None:
                self.sent.preset(self.clock(), sent)

    def pause(self) -> None:
        self.sending_enabled = False

    def resume(self) -> None:
        self.sending_enabled = True

    def enforcement(self, status: str) -> None:
        """HEALTHY, PROBATION, SHUTDOWN or whatever AWS may think of next."""
        self.enforcement_status = status

    # Recipients

    def suppress(self, address: str, reason: str = "BOUNCE") -> None:
        self.suppressed[address.lower()] = Suppressed(address, reason, self.clock())

    def outcome(self, address: str, event: str | None, *, named: str | None = None) -> None:
        """What becomes of mail to `address`: BOUNCE, SOFT_BOUNCE, UNDETERMINED, OUT_OF_OFFICE, COMPLAINT, NOT_SPAM,
        DELIVERY_DELAY, REJECT; None: delivered. `named` is whom the events of a bounce or complaint name in its stead;
        by default where the mail was forwarded to."""
        if event is None:
            self.outcomes.pop(address.lower(), None)
        else:
            self.outcomes[address.lower()] = event
        if named is not None:
            self.other_names[address.lower()] = named

    def named(self, address: str, kind: str) -> str:
        """The address that an event of this kind gives for a recipient."""
        if is_simulator(address) or not (kind in {"BOUNCE", "COMPLAINT"} or self.names_others):
            return address
        return self.other_names.get(address.lower(), address.replace("@", "@forwarded."))

    def refuse(self, pattern: str, how: str, message: str = "", *, times: int | None = None) -> None:
        """What SendBulkEmail answers to an address of this pattern (`*@a.example`): a BulkEmailStatus for that entry,
        an error code for the whole call that has it. So many times; None: always."""
        with self.lock:
            self.refused.append(Refused(pattern.lower(), how, message, times))

    def refusal(self, addresses: Collection[str], *, of_the_call: bool) -> Refused | None:
        """The oldest refusal that concerns one of the addresses, counted as used once."""
        for each in self.refused:
            named = each.times != 0 and any(fnmatchcase(address.lower(), each.pattern) for address in addresses)
            if named and each.is_of_the_call is of_the_call:
                each.times = each.times and each.times - 1
                return each
        return None

    def is_unlucky(self) -> bool:
        return self.refused_share > 0 and self.random.random() < self.refused_share

    def _identity(self, name: str) -> Identity:
        return self.identities.get(normal_identity(name)) or self.create_identity(name)

    def _set(self, name: str, status: Verification, error: str | None = None) -> Identity:
        with self.lock:
            identity = self._identity(name)
            identity.status, identity.error, identity.checked = status, error, self.clock()
            if not is_address(identity.name):
                identity.dkim_status = status
            return identity


def _token() -> str:
    return "".join(secrets.choice(_TOKEN_LETTERS) for _ in range(32))


def _case_id() -> str:
    return "".join(secrets.choice(string.digits) for _ in range(15))

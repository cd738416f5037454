"""SNS's messages to our own address: who sent them is proven before anything they say counts.

Rules: SNS developer guide, "Verifying the signatures of Amazon SNS messages". Signature version 2 alone (SHA-256), over
a certificate that only SNS's own host can have handed out; nothing in a message is ever fetched but that.
"""

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cachetools import LRUCache
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from bot.ses.client import AwsSession
from bot.ses.regions import dns_suffix

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

OLDEST: Final = timedelta(hours=1)  # for so long SNS tries again
AHEAD: Final = timedelta(minutes=15)  # as far as AWS's own signatures bear with clocks
CERTIFICATES_KEPT: Final = 16
FAILURES_KEPT: Final = 1_000
FAILED_FOR: Final = timedelta(seconds=60)
"""How long a failed fetch of a certificate is not repeated, so that others cannot make us call SNS."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets a certificate from its address, without following a redirect; raises OSError where it cannot."""


class RefusedError(Exception):
    """The message is not from the topic it should be from, or not a message at all. For logs: it says nothing of it."""


class Kind(StrEnum):
    NOTIFICATION = "Notification"
    SUBSCRIBED = "SubscriptionConfirmation"
    UNSUBSCRIBED = "UnsubscribeConfirmation"


_SIGNED = {
    Kind.NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    Kind.SUBSCRIBED: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    Kind.UNSUBSCRIBED: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_MAY_MISS = frozenset({"Subject"})


@dataclass(frozen=True, slots=True)
class Notification:
    """A message of SNS, once `Certificates.verify` has let it pass."""

    kind: Kind
    message_id: str
    topic_arn: str
    token: str  # of a subscription that waits to be confirmed
    sent_at: datetime
    certificate_url: str
    signature: bytes
    signed: bytes
    version: str  # of the signature


def read(body: bytes) -> Notification:
    """Read a message, believing nothing.

    Raises:
        RefusedError: it is none.
    """
    try:
        told = json.loads(body.decode())  # UTF-8 alone: json would guess
        kind = Kind(told["Type"])
        fields = {name: told[name] for name in _SIGNED[kind] if name in told or name not in _MAY_MISS}
        return Notification(
            kind=kind,
            message_id=fields["MessageId"],
            topic_arn=fields["TopicArn"],
            token=fields.get("Token", ""),
            sent_at=datetime.strptime(fields["Timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC),
            certificate_url=str(told["SigningCertURL"]),
            signature=base64.b64decode(told["Signature"], validate=True),
            signed="".join(name + "\n" + value + "\n" for name, value in fields.items()).encode(),
            version=str(told["SignatureVersion"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, binascii.Error):
        raise RefusedError("no message of SNS") from None


class Certificates:
    """Verifies messages; certificates are kept by their address, which changes with them."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._kept = LRUCache[str, "Certificate"](CERTIFICATES_KEPT)
        self._failed = LRUCache[str, datetime](FAILURES_KEPT)  # until when
        self._fetching = ""  # the address that is being asked
        self._turn = asyncio.Lock()

    async def verify(self, message: Notification, topic_arn: str, now: datetime) -> None:
        """Let the message pass if it is from this topic, and fresh.

        Raises:
            RefusedError: it is not.
            OSError: its certificate cannot be fetched now.
        """
        if message.version != "2":
            raise RefusedError("a signature of another version")
        if message.topic_arn != topic_arn:
            raise RefusedError("another topic")
        if not -AHEAD <= now - message.sent_at <= OLDEST:
            raise RefusedError("too old, or from the future")
        _, partition, _, region, *_ = topic_arn.split(":")
        if not _address_of(partition, region).fullmatch(message.certificate_url):
            raise RefusedError("a certificate from elsewhere")
        certificate = await self._certificate(message.certificate_url, now)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise RefusedError("a certificate that is not valid now")
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise RefusedError("a certificate of another kind")
        try:
            key.verify(message.signature, message.signed, PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise RefusedError("a wrong signature") from None

    async def _certificate(self, url: str, now: datetime) -> "Certificate":
        """Return a certificate; one is fetched at a time, and a caller that needs another must retry."""
        if url not in self._kept:
            if self._fetching not in {"", url}:
                raise OSError("another certificate is being fetched")
            async with self._turn:
                if url not in self._kept:
                    await self._get(url, now)
        return self._kept[url]

    async def _get(self, url: str, now: datetime) -> None:
        if url in self._failed and now < self._failed[url]:
            raise OSError("a certificate that could not be had just now")
        from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - not needed for a start

        self._fetching = url
        try:
            self._kept[url] = load_pem_x509_certificate(await self._fetch(url))
        except (OSError, ValueError) as error:
            self._failed[url] = now + FAILED_FOR
            raise error if isinstance(error, OSError) else RefusedError("no certificate") from None
        finally:
            self._fetching = ""


def _address_of(partition: str, region: str) -> re.Pattern[str]:
    """The whole of it: no user, no port, no query, no other host."""
    suffix = re.escape(dns_suffix(partition))
    return re.compile(rf"https://sns\.{re.escape(region)}\.{suffix}/SimpleNotificationService-[0-9a-f]{{1,64}}\.pem")


async def subscribe(session: AwsSession, topic_arn: str, endpoint: str) -> None:
    """Have SNS tell this address; unless it has done so before, it asks there for a confirmation first."""
    protocol = endpoint.partition(":")[0]
    await session.call(
        "sns:Subscribe", lambda sns: sns.subscribe(TopicArn=topic_arn, Protocol=protocol, Endpoint=endpoint)
    )


async def confirm(session: AwsSession, topic_arn: str, token: str) -> None:
    """Confirm that our address wants to be told. From then on only the account itself can end the subscription."""
    await session.call(
        "sns:ConfirmSubscription",
        lambda sns: sns.confirm_subscription(TopicArn=topic_arn, Token=token, AuthenticateOnUnsubscribe="true"),
    )

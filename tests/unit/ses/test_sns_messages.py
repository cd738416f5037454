"""What SNS is believed: with a key and a certificate of our own, signed as the SNS developer guide has it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from hypothesis import given
from hypothesis import strategies as st

from bot.ses.sns_messages import AHEAD, FAILED_FOR, OLDEST, Certificates, Kind, RefusedError, read

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:111122223333:mailroom-c0ffee"
HOST = "https://sns.eu-west-1.amazonaws.com"
URL = f"{HOST}/SimpleNotificationService-0123456789abcdef.pem"
NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": TOPIC,
    "Subject": "Amazon SES Email Event Notification",
    "Message": '{"eventType": "Bounce"}',
    "Timestamp": "2026-11-24T08:59:30.000Z",
}
CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
    "Token": "2336412f37f",
    "TopicArn": TOPIC,
    "Message": "You have chosen to subscribe to the topic",
    "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription",
    "Timestamp": "2026-11-24T08:59:30.000Z",
}
SIGNED = {
    "Notification": ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
    "SubscriptionConfirmation": ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
}


@lru_cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(signer: CertificateIssuerPrivateKeyTypes | None = None, *, until: datetime | None = None) -> bytes:
    signer = signer or key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = x509.CertificateBuilder(name, name, signer.public_key(), 1).not_valid_before(NOW - timedelta(days=1))
    built = built.not_valid_after(until or NOW + timedelta(days=1))
    return built.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def sign(
    fields: Mapping[str, Any], *, algorithm: hashes.HashAlgorithm | None = None, version: str = "2"
) -> dict[str, Any]:
    text = "".join(f"{name}\n{fields[name]}\n" for name in SIGNED[fields["Type"]] if name in fields)
    signature = key().sign(text.encode(), padding.PKCS1v15(), algorithm or hashes.SHA256())
    return {
        **fields,
        "SignatureVersion": version,
        "Signature": base64.b64encode(signature).decode(),
        "SigningCertURL": URL,
    }


class Host:
    """SNS's host: hands out one certificate, and remembers what it was asked for."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content = content or certificate()
        self.asked: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return self.content


async def passes(message: Mapping[str, Any], host: Host | None = None, *, topic: str = TOPIC) -> bool:
    try:
        await Certificates(host or Host()).verify(read(json.dumps(message).encode()), topic, NOW)
    except RefusedError:
        return False
    return True


@pytest.mark.parametrize("fields", [NOTIFICATION, CONFIRMATION], ids=["notification", "confirmation"])
async def test_what_sns_has_signed_passes_and_its_certificate_is_fetched_once(fields: dict[str, str]) -> None:
    host = Host()
    certificates = Certificates(host)
    for _ in range(3):
        message = read(json.dumps(sign(fields)).encode())
        await certificates.verify(message, TOPIC, NOW)
        assert message.kind == Kind(fields["Type"])
        assert message.message_id == fields["MessageId"]
    assert host.asked == [URL]


class Away(Host):
    """An SNS that answers when it is told to, and has nothing."""

    def __init__(self, content: bytes | None = None) -> None:
        super().__init__()
        self.content, self.answers = content or b"", asyncio.Event()

    async def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        await self.answers.wait()
        if not self.content:
            raise OSError
        return self.content


@pytest.mark.parametrize("content", [b"", b"no certificate"], ids=["away", "nonsense"])
async def test_a_certificate_that_cannot_be_had_is_not_fetched_for_every_message(content: bytes) -> None:
    host = Away(content)
    host.answers.set()
    certificates, message = Certificates(host), read(json.dumps(sign(NOTIFICATION)).encode())
    for _ in range(50):
        with pytest.raises((OSError, RefusedError)):
            await certificates.verify(message, TOPIC, NOW)
    assert host.asked == [URL]
    host.content = certificate()
    await certificates.verify(message, TOPIC, NOW + FAILED_FOR)
    assert host.asked == [URL] * 2


async def test_one_certificate_is_fetched_at_a_time() -> None:
    host = Away(certificate())
    certificates, signed = Certificates(host), sign(NOTIFICATION)
    own = read(json.dumps(signed).encode())
    waiting = [asyncio.create_task(certificates.verify(own, TOPIC, NOW)) for _ in range(10)]
    await asyncio.sleep(0)
    others = [URL.replace("0123", f"{number:04}") for number in range(50)]
    forged = [read(json.dumps(signed | {"SigningCertURL": other}).encode()) for other in others if other != URL]
    refused = [asyncio.create_task(certificates.verify(each, TOPIC, NOW)) for each in forged]
    await asyncio.sleep(0)
    host.answers.set()
    await asyncio.gather(*waiting)
    answers = await asyncio.gather(*refused, return_exceptions=True)
    assert {str(answer) for answer in answers} == {"another certificate is being fetched"}
    assert host.asked == [URL]


async def test_a_subject_is_signed_where_there_is_one() -> None:
    without = {name: value for name, value in NOTIFICATION.items() if name != "Subject"}
    assert await passes(sign(without))
    assert not await passes(sign(without) | {"Subject": "added"})
    cut = sign(NOTIFICATION)
    del cut["Subject"]
    assert not await passes(cut)


@pytest.mark.parametrize("fields", [NOTIFICATION, CONFIRMATION], ids=["notification", "confirmation"])
async def test_no_character_of_what_is_signed_can_be_changed(fields: dict[str, str]) -> None:
    signed, tried = sign(fields), 0
    for name in (*SIGNED[fields["Type"]], "Signature"):
        for at, char in enumerate(signed[name]):
            other = "A" if char != "A" else "Q"  # another value also of the last, half used, character of the signature
            if name == "Signature" and char == "=":
                other = ""
            forged = {**signed, name: signed[name][:at] + other + signed[name][at + 1 :]}
            assert not await passes(forged), (name, at)
            tried += 1
    assert tried > 400


async def test_a_field_cannot_take_over_what_another_one_says() -> None:
    """The signed text is lines: what was the end of one value must not become the next name."""
    signed = sign(NOTIFICATION)
    moved = {**signed, "Message": f"{signed['Message']}\nMessageId\n{signed['MessageId']}", "MessageId": ""}
    assert not await passes(moved)


@pytest.mark.parametrize("version", ["1", "3", "", 2.0, None], ids=repr)
async def test_only_version_2_counts(version: Any) -> None:
    host = Host()
    assert not await passes({**sign(NOTIFICATION), "SignatureVersion": version}, host)
    assert not await passes(sign(NOTIFICATION, algorithm=hashes.SHA1(), version="1"), host)  # noqa: S303 - what is refused
    assert not await passes(sign(NOTIFICATION, algorithm=hashes.SHA1()), host)  # noqa: S303 - as above


@pytest.mark.parametrize(
    ("age", "is_fresh"),
    [
        (OLDEST, True),
        (OLDEST + timedelta(seconds=1), False),
        (-AHEAD, True),
        (-AHEAD - timedelta(seconds=1), False),
    ],
    ids=["an-hour", "more", "a-clock-ahead", "from-the-future"],
)
async def test_a_message_is_taken_for_an_hour(age: timedelta, is_fresh: bool) -> None:
    stamp = f"{NOW - age:%Y-%m-%dT%H:%M:%S}.000Z"
    host = Host()
    assert await passes(sign(NOTIFICATION | {"Timestamp": stamp}), host) is is_fresh
    assert bool(host.asked) is is_fresh


async def test_another_topic_is_refused_though_sns_has_signed_it() -> None:
    host = Host()
    for arn in (
        TOPIC.replace("1111", "9999"),
        TOPIC.replace("c0ffee", "c0ffef"),
        TOPIC.replace("eu-west-1", "eu-west-2"),
        f"{TOPIC}:more",
        "",
    ):
        assert not await passes(sign(NOTIFICATION | {"TopicArn": arn}), host)
    assert host.asked == []


ELSEWHERE = (
    "https://evil.example",
    "https://sns.eu-west-1.amazonaws.com.evil.example",
    "https://evil.example/https://sns.eu-west-1.amazonaws.com",
    "http://sns.eu-west-1.amazonaws.com",
    "ftp://sns.eu-west-1.amazonaws.com",
    "//sns.eu-west-1.amazonaws.com",
    "HTTPS://SNS.eu-west-1.amazonaws.com",
    "https://sns.eu-west-1.amazonaws.com:443",
    "https://sns.eu-west-1.amazonaws.com:8443",
    "https://sns.eu-west-1.amazonaws.com.",
    "https://sns.eu-west-1.amazonaws.com@evil.example",
    "https://user@sns.eu-west-1.amazonaws.com",
    "https://sns.eu-west-1.amazonaws.com\\@evil.example",
    "https://evil.example\\.sns.eu-west-1.amazonaws.com",
    "https://sns.eu-west-1.amazonaws.com%2eevil.example",
    "https://sns.eu-west-1%2eamazonaws.com",
    "https://sns.us-east-1.amazonaws.com",  # not the topic's region
    "https://sns.eu-west-1.amazonaws.com.cn",  # not its partition
    "https://s3.eu-west-1.amazonaws.com",
    "https://bucket.s3.eu-west-1.amazonaws.com",
    "https://sns.eu-west-1.amazonaws.com/bucket",
    "https://xsns.eu-west-1.amazonaws.com",
    "https://sns-eu-west-1.amazonaws.com",
    "https://snsXeu-west-1Xamazonaws.com",
    "https://sns.eu-west-1.amazonaws.com/..",
    "https://127.0.0.1",
    "https://169.254.169.254",
    "https://[::1]",
    "https://ѕns.eu-west-1.amazonaws.com",
    " https://sns.eu-west-1.amazonaws.com",
    "https://sns.eu-west-1.amazonaws.com\n",
    "",
)
PATHS = (
    "/SimpleNotificationService-0123456789abcdef.pem",
    "/SimpleNotificationService-0123456789abcdef.pem?x=1",
    "/SimpleNotificationService-0123456789abcdef.pem#x",
    "/SimpleNotificationService-0123456789abcdef.pem\n",
    "/SimpleNotificationService-0123456789ABCDEF.pem",
    "/SimpleNotificationService-.pem",
    "/SimpleNotificationService-012345.pem/x",
    "/x/SimpleNotificationService-012345.pem",
    "/../SimpleNotificationService-012345.pem",
    "/SimpleNotificationService-../../012345.pem",
    "/SimpleNotificationService-012345.pem.txt",
    "/SimpleNotificationService-٠١٢.pem",
    "/",
    "",
)


async def test_a_certificate_is_fetched_from_no_other_address() -> None:
    host, tried = Host(), 0
    for origin in (*ELSEWHERE, HOST):
        for path in PATHS:
            if origin + path != URL:
                assert not await passes({**sign(NOTIFICATION), "SigningCertURL": origin + path}, host), origin + path
                tried += 1
    for url in (None, 1, [URL], {"url": URL}):
        assert not await passes({**sign(NOTIFICATION), "SigningCertURL": url}, host)
    assert host.asked == []
    assert tried > 400


@pytest.mark.parametrize(
    ("partition", "region", "theirs"),
    [("aws-cn", "cn-north-1", "amazonaws.com.cn"), ("aws-eusc", "eusc-de-east-1", "amazonaws.eu")],
)
async def test_in_another_partition_the_certificate_is_from_its_own_host(
    partition: str, region: str, theirs: str
) -> None:
    topic = f"arn:{partition}:sns:{region}:111122223333:mailroom-c0ffee"
    host = Host()
    for domain, is_theirs in ((theirs, True), ("amazonaws.com", False)):
        url = f"https://sns.{region}.{domain}/SimpleNotificationService-0123.pem"
        message = sign(NOTIFICATION | {"TopicArn": topic}) | {"SigningCertURL": url}
        assert await passes(message, host, topic=topic) is is_theirs
    assert len(host.asked) == 1


async def test_a_certificate_must_be_one_valid_now_and_of_the_right_kind() -> None:
    assert not await passes(sign(NOTIFICATION), Host(certificate(until=NOW - timedelta(seconds=1))))
    assert not await passes(sign(NOTIFICATION), Host(b"-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n"))
    assert not await passes(sign(NOTIFICATION), Host(certificate(ec.generate_private_key(ec.SECP256R1()))))
    another = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert not await passes(sign(NOTIFICATION), Host(certificate(another)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([*NOTIFICATION, "Signature", "SignatureVersion", "SigningCertURL"]), JSON)
def test_whatever_stands_in_a_field_is_read_or_refused(name: str, value: Any) -> None:
    try:
        read(json.dumps(sign(NOTIFICATION) | {name: value}).encode())
    except RefusedError:
        return


@given(st.binary(max_size=200))
def test_bytes_are_no_message(body: bytes) -> None:
    with pytest.raises(RefusedError):
        read(body)

"""Where a webhook leads is anybody's choice: what is connected to, and what is made of any answer."""

import asyncio
import datetime as dt
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.errors import BotError
from bot.public_addresses import Network, networks
from bot.webhooks.codes import WebhookCode
from bot.webhooks.receiver import Answer
from handlers.webhook_receiver import WebhookReceiver
from tests.playground.webhooks import WebhookPlayground
from tests.unit.http.test_public_connector import Names
from tests.unit.webhooks.fixtures import LOOPBACK

PUBLIC = "93.184.215.14"
HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
NOW = dt.datetime.now(dt.UTC)


async def post(receiver: WebhookReceiver, address: str) -> Answer:
    return await receiver.post(address, b'{"type":"x","data":{}}', HEADERS)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("http://example.com/hook", ()),
        ("https://ann@example.com/hook", ()),
        ("https://ann:secret@example.com/hook", ()),
        ("https://example.com/hook#there", ()),
        ("https:///hook", ()),
        ("ftp://example.com/", ()),
        ("example.com", ()),
        ("", ()),
        ("https://[::1", ()),
        (f"https://example.com/{'x' * 2_000}", ()),
        ("https://example.com/a\nb", ()),
        ("https://127.0.0.1/", ()),
        ("https://[::ffff:127.0.0.1]/", ()),
        ("https://10.0.0.1/", ()),
        ("https://169.254.169.254/latest/meta-data", ()),
        ("https://hooks.test/", ("10.0.0.1",)),
        ("https://hooks.test/", (PUBLIC, "10.0.0.1")),
        ("http://127.0.0.1/", ()),
        ("http://hooks.test/", ("127.0.0.1",)),
    ],
)
async def test_an_address_that_cannot_be_used_is_refused_when_it_is_saved(address: str, allowed: Sequence[str]) -> None:
    receiver = WebhookReceiver(resolver=Names(allowed))
    with pytest.raises(BotError) as refused:
        await receiver.check(address)
    assert (refused.value.code, refused.value.field) == (WebhookCode.WEBHOOK_ADDRESS, "webhook_address")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://hooks.test/a?b=c", ()),
        ("https://hooks.test:8443/", ()),
        ("https://127.0.0.1/", LOOPBACK),
        ("http://127.0.0.1/", LOOPBACK),
        ("https://10.1.2.3/", networks("10.1.0.0/16")),
    ],
)
async def test_an_address_of_the_internet_or_of_an_allowed_network_is_taken(
    address: str, allowed: Sequence[Network]
) -> None:
    await WebhookReceiver(allowed, Names([PUBLIC])).check(address)


async def test_http_is_for_loopback_alone_also_where_more_is_allowed() -> None:
    with pytest.raises(BotError):
        await WebhookReceiver(networks("10.0.0.0/8")).check("http://10.1.2.3/")


async def test_a_name_that_turns_to_a_private_address_after_it_was_saved_is_not_connected_to() -> None:
    async with WebhookPlayground() as hooks:
        receiver = WebhookReceiver(resolver=Names([PUBLIC], ["127.0.0.1"]))
        address = f"https://hooks.test:{hooks.port}/"
        await receiver.check(address)
        assert (await post(receiver, address)).text == "It leads to an address that is not public"
    assert hooks.posted == []


async def test_each_post_looks_the_name_up_again() -> None:
    names = Names(["127.0.0.1"], ["127.0.0.1"])
    receiver = WebhookReceiver(LOOPBACK, names)
    for _ in range(2):
        assert (await post(receiver, "https://hooks.test:9/")).text == "It cannot be reached"
    assert names.answers == []


async def test_a_redirect_is_a_failure_and_is_not_followed() -> None:
    async with WebhookPlayground() as hooks:

        async def on(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=301, headers={"Location": "/there"})

        hooks.answer = on
        answer = await post(WebhookReceiver(LOOPBACK), hooks.address)
    assert not answer.taken
    assert answer.text == "301 Moved Permanently, which is not followed"
    assert len(hooks.posted) == 1


@pytest.mark.parametrize("headers_first", [False, True])
async def test_what_comes_too_slowly_is_no_answer(headers_first: bool) -> None:
    given_up = asyncio.Event()
    async with WebhookPlayground() as hooks:

        async def slow(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(status=200)
            if headers_first:
                await response.prepare(request)
                await response.write(b"wait")
            await asyncio.wait_for(given_up.wait(), 10)
            return response

        hooks.answer = slow
        answer = await post(WebhookReceiver(LOOPBACK, within=0.3), hooks.address)
        given_up.set()
        assert (answer.taken, answer.text) == (False, "No answer within 10 seconds")


async def test_an_answer_that_breaks_off_is_a_failure_and_one_of_any_size_is_not_kept() -> None:
    async with WebhookPlayground() as hooks:

        async def cut(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(status=200, headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b"half")
            assert request.transport is not None
            request.transport.close()
            return response

        hooks.answer = cut
        assert (await post(WebhookReceiver(LOOPBACK), hooks.address)).text == "The connection broke off"


async def test_nobody_listening_is_a_failure() -> None:
    async with WebhookPlayground() as hooks:
        address = hooks.address
    assert (await post(WebhookReceiver(LOOPBACK), address)).text == "It cannot be reached"


class Authority:
    """Makes certificates for 127.0.0.1, each good until a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests")])
        basic = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        own = self._builder(self._name, self._key, NOW + dt.timedelta(days=9)).add_extension(basic, critical=True)
        self.certificate = own.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())

    @property
    def trusted(self) -> ssl.SSLContext:
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def serves(self, until: dt.datetime) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        made = self._builder(subject, key, until).add_extension(name, critical=False).sign(self._key, hashes.SHA256())
        file = self._folder / "server.pem"
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(private + made.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, until: dt.datetime
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        identifiers = (
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
        )
        for each in identifiers:
            builder = builder.add_extension(each, critical=False)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(NOW - dt.timedelta(days=9)).not_valid_after(until)


async def test_a_certificate_that_has_run_out_is_refused_and_one_that_has_not_is_taken(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    answers = []
    for days in (1, -1):
        async with WebhookPlayground(authority.serves(NOW + dt.timedelta(days=days))) as hooks:
            answers.append(await post(WebhookReceiver(LOOPBACK, tls=authority.trusted), hooks.address))
            answers.append(await post(WebhookReceiver(LOOPBACK), hooks.address))
    assert [answer.text.partition(": ")[2] or answer.text for answer in answers] == [
        "204 No Content",
        "unable to get local issuer certificate",
        "certificate has expired",
        "unable to get local issuer certificate",
    ]
    assert len(hooks.posted) == 0

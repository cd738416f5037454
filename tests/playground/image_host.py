"""A stranger's server of images, over https at `img.test`, and the fetcher that finds it on this machine."""

from __future__ import annotations

import io
import random
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from socket import AddressFamily

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from handlers.image_fetcher import ImageFetcher

NAME = "img.test"
ADDRESSES = {
    NAME: "127.0.0.1",
    "other.test": "127.0.0.1",
    "inside.test": "10.0.0.7",
    "metadata.test": "169.254.169.254",
}


def picture(size: tuple[int, int] = (40, 20), *, noisy: bool = False) -> bytes:
    image = Image.new("RGB", size, "red")
    if noisy:
        image = Image.frombytes(
            "RGB",
            size,
            random.Random(1).randbytes(  # noqa: S311 - of noise
                3 * size[0] * size[1]
            ),
        )
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


@dataclass(frozen=True)
class Answer:
    body: bytes = b""
    status: int = 200
    content_type: str = "image/png"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ImageHost:
    """`answers` are by path; `asked` are the paths that were asked for, with the headers."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str, *, host: str = NAME) -> str:
        return f"https://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    @property
    def fetch(self) -> ImageFetcher:
        return ImageFetcher([IPv4Network("127.0.0.1/32")], _Names(), self.tls)


@asynccontextmanager
async def image_host(**answers: Answer) -> AsyncIterator[ImageHost]:
    """Serve these answers by name: `kite=` at `/kite`."""
    host = ImageHost(answers={f"/{name}": answer for name, answer in answers.items()})

    async def answer(request: web.Request) -> web.Response:
        host.asked.append((request.path, dict(request.headers)))
        given = host.answers.get(request.path, Answer(b"not here", 404, "text/plain"))
        return web.Response(
            body=given.body, status=given.status, content_type=given.content_type, headers=dict(given.headers)
        )

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    serves, host.tls = _certificate()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serves)
    await site.start()
    host.port = runner.addresses[0][1]
    try:
        yield host
    finally:
        await runner.cleanup()


def _certificate() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What the server shows, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "host.pem"
        file.write_bytes(pem + secret)
        serves.load_cert_chain(file)
    return serves, ssl.create_default_context(cadata=pem.decode())


class _Names(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        if host not in ADDRESSES:
            raise OSError("no such name")
        return [ResolveResult(hostname=host, host=ADDRESSES[host], port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass

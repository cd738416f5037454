"""Where a stranger's address leads: nothing is connected to that is not of the internet."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network

import pytest
from aiohttp import ClientConnectorError, ClientSession, web
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.public_addresses import Network, NotPublicError, is_public, networks
from handlers.public_connector import public_connector


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0"),
        *("192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
        *("2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450:4001:801::200e", "::ffff:8.8.8.8", "64:ff9b::808:808"),
    ],
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.1", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:10.0.0.1"),
        *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "2002:7f00:1::", "2002:808:808::1"),
        *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "3fff::1", "100::1", "fc00::1"),
        *("fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:2800::1%eth0", "fec0::1", "ff02::1"),
        *("", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "08.8.8.8"),
    ],
)
def test_no_other_address_is(address: str) -> None:
    assert not is_public(address)


def test_a_network_that_is_allowed_counts_also_where_the_address_is_written_as_an_ipv6_one() -> None:
    allowed = networks("10.1.0.0/16, 127.0.0.1,")

    assert is_public("10.1.2.3", allowed)
    assert is_public("::ffff:10.1.2.3", allowed)
    assert is_public("127.0.0.1", allowed)
    assert not is_public("10.2.0.1", allowed)
    assert not is_public("127.0.0.2", allowed)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "example.com", "10.0.0"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        networks(text)


class Names(AbstractResolver):
    """A name server of which each look-up gets the next of these answers."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = [*answers]

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.answers.pop(0)
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[str]]]:
    """Serve at a port of this machine; the list is of the paths that were asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/on":
            raise web.HTTPFound(f"http://127.0.0.2:{request.url.port}/there")
        return web.Response(text="here", headers={"Connection": "close"})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1], asked
    await runner.cleanup()


async def get(url: str, allowed: Sequence[Network] = (), names: Names | None = None) -> str:
    async with ClientSession(connector=public_connector(allowed, names)) as session, session.get(url) as response:
        return await response.text()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "0x7f.1"])
async def test_this_machine_is_not_connected_to_however_it_is_written(host: str) -> None:
    async with listening() as (port, asked):
        with pytest.raises(ClientConnectorError) as refused:
            await get(f"http://{host}:{port}/")

    assert isinstance(refused.value.os_error, NotPublicError)
    assert asked == []


async def test_of_a_name_with_a_public_and_a_private_address_neither_is_used() -> None:
    async with listening() as (port, asked):
        for answer in (["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]):
            with pytest.raises(ClientConnectorError) as refused:
                await get(f"http://a.test:{port}/", [IPv4Network("127.0.0.1/32")], Names(answer))
            assert isinstance(refused.value.os_error, NotPublicError)

    assert asked == []


async def test_what_is_allowed_besides_is_connected_to_and_a_redirect_out_of_it_is_not() -> None:
    allowed = [IPv4Network("127.0.0.1/32")]
    async with listening() as (port, asked):
        assert await get(f"http://127.0.0.1:{port}/", allowed) == "here"
        with pytest.raises(ClientConnectorError) as refused:
            await get(f"http://127.0.0.1:{port}/on", allowed)

    assert isinstance(refused.value.os_error, NotPublicError)
    assert asked == ["/", "/on"]


async def test_a_name_that_leads_elsewhere_the_second_time_is_looked_at_again() -> None:
    connector = public_connector([IPv4Network("127.0.0.1/32")], Names(["127.0.0.1"], ["127.0.0.2"]))
    async with listening() as (port, asked), ClientSession(connector=connector) as session:
        async with session.get(f"http://a.test:{port}/first") as response:
            assert response.status == 200
        with pytest.raises(ClientConnectorError):
            await session.get(f"http://a.test:{port}/second")

    assert asked == ["/first"]

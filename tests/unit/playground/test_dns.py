"""The playground's DNS, asked with dnspython's own resolver and over TCP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import dns.asyncquery
import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import pytest

from tests.playground.aws import AwsPlayground
from tests.playground.dns import DnsPlayground, Failure


@pytest.fixture
async def server() -> AsyncIterator[DnsPlayground]:
    async with DnsPlayground() as running:
        yield running


def resolver(server: DnsPlayground) -> dns.asyncresolver.Resolver:
    found = dns.asyncresolver.Resolver(configure=False)
    host, found.port = server.address
    found.nameservers = [host]
    found.timeout = found.lifetime = 0.3
    return found


async def ask(server: DnsPlayground, name: str, kind: str) -> list[str]:
    return [each.to_text() for each in await resolver(server).resolve(name, kind)]


async def test_records_are_answered_as_set_and_gone_when_removed(server: DnsPlayground) -> None:
    server.set("Mail.example.com", "MX", "10 feedback-smtp.eu-west-1.amazonses.com")
    server.set("_dmarc.example.com", "TXT", "v=DMARC1; p=none")
    assert await ask(server, "mail.example.com", "MX") == ["10 feedback-smtp.eu-west-1.amazonses.com."]
    assert await ask(server, "_dmarc.example.com", "TXT") == ['"v=DMARC1; p=none"']
    server.remove("_dmarc.example.com")
    with pytest.raises(dns.resolver.NXDOMAIN):
        await ask(server, "_dmarc.example.com", "TXT")
    assert server.queries[0] == ("mail.example.com", "MX")


async def test_a_name_with_other_records_or_names_below_is_empty_and_an_unknown_one_does_not_exist(
    server: DnsPlayground,
) -> None:
    server.set("www.example.com", "A", "192.0.2.1")
    for name, kind in (("www.example.com", "TXT"), ("example.com", "A")):
        with pytest.raises(dns.resolver.NoAnswer):
            await ask(server, name, kind)
    with pytest.raises(dns.resolver.NXDOMAIN):
        await ask(server, "ftp.example.com", "A")


async def test_an_alias_is_followed(server: DnsPlayground) -> None:
    server.set("a.example.com", "CNAME", "b.example.net")
    server.set("b.example.net", "A", "192.0.2.1")
    assert await ask(server, "a.example.com", "A") == ["192.0.2.1"]
    assert await ask(server, "a.example.com", "CNAME") == ["b.example.net."]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        (Failure.NXDOMAIN, dns.resolver.NXDOMAIN),
        (Failure.EMPTY, dns.resolver.NoAnswer),
        (Failure.SERVFAIL, dns.resolver.NoNameservers),
        (Failure.TIMEOUT, dns.resolver.LifetimeTimeout),
    ],
)
async def test_a_name_fails_as_told_until_it_is_healed(
    server: DnsPlayground, how: Failure, error: type[Exception]
) -> None:
    server.set("example.com", "A", "192.0.2.1")
    server.fail("example.com", how)
    with pytest.raises(error):
        await ask(server, "example.com", "A")
    server.heal("example.com")
    assert await ask(server, "example.com", "A") == ["192.0.2.1"]


async def test_an_answer_too_big_for_udp_is_cut_and_whole_over_tcp(server: DnsPlayground) -> None:
    server.set("big.example.com", "TXT", *(f"{number:03d}" + "x" * 200 for number in range(10)))
    host, port = server.address
    query = dns.message.make_query("big.example.com", "TXT")
    over_udp = await dns.asyncquery.udp(query, host, port=port, timeout=1)
    assert over_udp.flags & dns.flags.TC
    assert not over_udp.answer
    over_tcp = await dns.asyncquery.tcp(query, host, port=port, timeout=1)
    assert over_tcp.rcode() == dns.rcode.NOERROR
    assert len(over_tcp.answer[0]) == 10


async def test_the_records_of_an_identity_are_those_aws_asks_for(server: DnsPlayground) -> None:
    ses = AwsPlayground().ses(region="eu-west-1")
    identity = ses.create_identity("example.com")
    ses.mail_from("example.com", "PENDING")
    server.records_from(identity)
    for token in identity.tokens:
        target = f"{token}.{identity.hosted_zone}."
        assert await ask(server, f"{token}._domainkey.example.com", "CNAME") == [target]
    assert await ask(server, "mail.example.com", "MX") == ["10 feedback-smtp.eu-west-1.amazonses.com."]

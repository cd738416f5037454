"""What is said of DNS records is what AWS and the receivers of mail make of them. Real questions to a name server."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.mailer.identities.dns_lookup import Resolver
from bot.mailer.identities.dns_records import Found, RecordCheck, look_up, zone_file
from bot.mailer.identity_records import records_of
from storage.models import Identity
from storage.states import IdentityKind, IdentityState
from tests.playground.dns import DnsPlayground, Failure

REGION = "eu-west-1"
FEEDBACK = f"feedback-smtp.{REGION}.amazonses.com"


@pytest.fixture
async def server() -> AsyncIterator[DnsPlayground]:
    async with DnsPlayground() as running:
        yield running


def identity(name: str = "acme.test", *, zone: str = "dkim.amazonses.com") -> Identity:
    return Identity(
        team_id="t",
        mailer_id="m",
        name=name,
        kind=IdentityKind.DOMAIN,
        state=IdentityState.PENDING,
        state_since=datetime(2026, 1, 1, tzinfo=UTC),
        dkim_tokens=["token1"],
        dkim_zone=zone,
        mail_from_domain=f"mail.{name}",
    )


async def found(server: DnsPlayground, at: str, name: str = "acme.test") -> RecordCheck:
    """What is said of the record: its type, or DMARC."""
    host, port = server.address
    records = [record for record in records_of(identity(name), REGION) if at in {record.type, record.purpose[:5]}]
    findings = await look_up(records, Resolver(f"{host}:{port}"))
    return findings[0]


@pytest.mark.parametrize(
    ("records", "verdict", "why"),
    [
        ([f"10 {FEEDBACK}."], Found.RIGHT, ""),
        ([f"20 {FEEDBACK.upper()}."], Found.RIGHT, ""),
        ([f"10 {FEEDBACK}.", "20 mx.other.test."], Found.WRONG, "There are 2, and AWS wants one alone"),
        ([f"10 {FEEDBACK}.", f"20 {FEEDBACK}."], Found.WRONG, "There are 2, and AWS wants one alone"),
        (["10 feedback-smtp.us-east-1.amazonses.com."], Found.WRONG, ""),
        ([f"10 {FEEDBACK}.acme.test."], Found.WRONG, ""),
    ],
)
async def test_mail_from_has_one_mx_of_any_priority(
    server: DnsPlayground, records: list[str], verdict: Found, why: str
) -> None:
    """https://docs.aws.amazon.com/ses/latest/dg/mail-from.html: "exactly one MX record"."""
    server.set("mail.acme.test", "MX", *records)

    finding = await found(server, "MX")

    assert finding.found is verdict
    assert finding.why.startswith(why)
    assert bool(finding.why) is bool(why)


@pytest.mark.parametrize(
    ("records", "verdict", "why"),
    [
        (["v=spf1 include:amazonses.com ~all"], Found.RIGHT, ""),
        (["V=SPF1 ip4:192.0.2.1 +include:AmazonSES.com -all", "other=text"], Found.RIGHT, ""),
        (["v=spf1 include:amazonses.com"], Found.RIGHT, ""),
        (
            ["v=spf1 include:amazonses.com ~all", "v=spf1 mx -all"],
            Found.WRONG,
            "There are 2, and with several none counts",
        ),
        (["v=spf1 include:amazonses.com.acme.test ~all"], Found.WRONG, ""),
        (["v=spf1 -include:amazonses.com ~all"], Found.WRONG, ""),
        (["v=spf1 -all include:amazonses.com"], Found.WRONG, "What stands behind -all does not count"),
        (["v=spf1 all include:amazonses.com"], Found.WRONG, "What stands behind all does not count"),
        (["v=spf1"], Found.WRONG, ""),
        (["v=spf1 exists:include:amazonses.com.x ~all"], Found.WRONG, ""),
        (
            ["v=spf1 include:amazonses.com inlcude:x.test ~all"],
            Found.WRONG,
            "Receivers throw the whole record away: inl",
        ),
        (["v=spf1 redirect=amazonses.com"], Found.WRONG, ""),
        (["v=spf1 include:amazonses.com redirect=x.test"], Found.RIGHT, ""),
        (["v=spf10 include:amazonses.com ~all"], Found.MISSING, ""),
        (["google-site-verification=include:amazonses.com"], Found.MISSING, ""),
    ],
)
async def test_spf_is_read_as_receivers_read_it(
    server: DnsPlayground, records: list[str], verdict: Found, why: str
) -> None:
    server.set("mail.acme.test", "TXT", *records)

    finding = await found(server, "TXT")

    assert finding.found is verdict
    assert finding.why.startswith(why)
    assert bool(finding.why) is bool(why)


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        (["v=DMARC1; p=none;"], Found.RIGHT),
        (["v=DMARC1;p=reject;rua=mailto:x@acme.test", "other"], Found.RIGHT),
        (["v=DMARC1; rua=mailto:x@acme.test"], Found.RIGHT),
        (["v=DMARC1; p=nothing"], Found.WRONG),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], Found.WRONG),
        (["v=DMARC12; p=none"], Found.MISSING),
    ],
)
async def test_dmarc_is_any_policy_of_theirs_and_one_alone(
    server: DnsPlayground, records: list[str], verdict: Found
) -> None:
    server.set("_dmarc.acme.test", "TXT", *records)

    finding = await found(server, "DMARC")

    assert finding.found is verdict
    assert bool(finding.why) is (verdict is Found.WRONG)


async def test_a_policy_above_holds_for_a_subdomain_and_is_not_to_be_replaced(server: DnsPlayground) -> None:
    """Without a record of its own the one of the organisation's domain holds, by either way of looking it up."""
    server.set("_dmarc.news.acme.test", "TXT", "v=DMARC1; p=none")
    server.set("_dmarc.acme.test", "TXT", "v=DMARC1; p=reject")

    finding = await found(server, "DMARC", "eu.news.acme.test")
    assert (finding.found, finding.stands_at) == (Found.RIGHT, "_dmarc.acme.test")
    own = await found(server, "DMARC", "news.acme.test")
    assert (own.found, own.stands_at, own.values) == (Found.RIGHT, "", ("v=DMARC1; p=none",))
    server.set("_dmarc.gov.uk", "TXT", "v=DMARC1; p=reject; psd=y")  # of a suffix, which not every receiver asks
    assert (await found(server, "DMARC", "acme.gov.uk")).found is Found.MISSING


@pytest.mark.parametrize("zone", ["acme.test", "news.acme.test"])
async def test_a_name_with_the_zone_twice_is_found_and_named(server: DnsPlayground, zone: str) -> None:
    """What a registrar that adds the zone by itself makes of a full name; the zone may lie above the domain."""
    name = "news.acme.test"
    server.set(f"token1._domainkey.{name}.{zone}", "CNAME", "token1.dkim.amazonses.com")
    server.set(f"mail.{name}.{zone}", "MX", f"10 {FEEDBACK}.")
    server.set(f"mail.{name}.{zone}", "TXT", "v=spf1 include:amazonses.com ~all")
    server.set(f"_dmarc.{name}.{zone}", "TXT", "v=DMARC1; p=none")

    for at in ("CNAME", "MX", "TXT", "DMARC"):
        finding = await found(server, at, name)
        assert finding.found is Found.MISSING
        assert finding.stands_at == f"{finding.record.name}.{zone}"
    server.remove(f"mail.{name}.{zone}")
    assert (await found(server, "MX", name)).stands_at == ""


async def test_where_the_name_servers_do_not_answer_nothing_is_known(server: DnsPlayground) -> None:
    server.fail("mail.acme.test", Failure.SERVFAIL)
    server.fail("_dmarc.acme.test", Failure.SERVFAIL)

    assert (await found(server, "MX")).found is Found.UNKNOWN
    assert (await found(server, "DMARC")).found is Found.UNKNOWN
    assert (await found(server, "DMARC", "news.acme.test")).found is Found.UNKNOWN


def test_where_aws_names_no_zone_for_dkim_it_is_the_first_one() -> None:
    assert records_of(identity(zone=""), REGION)[0].value == "token1.dkim.amazonses.com"
    assert records_of(identity(zone="x.dkim.eu-west-1.amazonses.com"), REGION)[0].value.startswith("token1.x.dkim.")


def test_a_zone_file_holds_full_names_and_quoted_texts() -> None:
    assert zone_file("acme.test", records_of(identity(), REGION)) == (
        "; What Amazon SES needs in the DNS of acme.test\n"
        "token1._domainkey.acme.test. 3600 IN CNAME token1.dkim.amazonses.com.\n"
        f"mail.acme.test. 3600 IN MX 10 {FEEDBACK}.\n"
        'mail.acme.test. 3600 IN TXT "v=spf1 include:amazonses.com ~all"\n'
        '_dmarc.acme.test. 3600 IN TXT "v=DMARC1; p=none;"\n'
    )
    below = zone_file("news.acme.test", records_of(identity("news.acme.test"), REGION)).splitlines()
    assert below[-2:] == [
        "; only where no domain above news.acme.test has a DMARC record",
        '; _dmarc.news.acme.test. 3600 IN TXT "v=DMARC1; p=none;"',
    ]

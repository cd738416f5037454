"""Facts about an account and its identities, and changes to them, against a local AWS."""

from __future__ import annotations

import pytest

from bot.ses import operations
from bot.ses.errors import ErrorKind, SesError
from bot.ses.facts import ListedIdentity
from bot.ses.operations import Ses
from storage.states import IdentityKind
from tests.playground.aws import AwsPlayground
from tests.unit.ses.conftest import SignIn


@pytest.fixture
def ses(aws: AwsPlayground, sign_in: SignIn) -> Ses:
    return Ses(sign_in(aws.create_key()))


async def test_a_new_account_is_in_the_sandbox(ses: Ses) -> None:
    facts = await ses.account()
    assert not facts.production_access
    assert facts.sending_enabled
    assert facts.enforcement_status == "HEALTHY"
    assert (facts.max_24_hour_send, facts.max_send_rate, facts.sent_last_24_hours) == (200, 1, 0)
    assert (facts.review_status, facts.review_case_id) == ("", "")


async def test_applying_for_production_opens_a_review_and_keeps_the_form(aws: AwsPlayground, ses: Ses) -> None:
    await ses.apply_for_production(
        website="https://example.com",
        mail_type="MARKETING",
        language="EN",
        contacts=["ops@example.com"],
        use_case="A newsletter.",
    )
    facts = await ses.account()
    assert facts.review_status == "PENDING"
    assert facts.review_case_id
    (call,) = aws.calls_of("ses:PutAccountDetails")
    assert (call.params["WebsiteURL"], call.params["MailType"]) == ("https://example.com", "MARKETING")
    assert (call.params["ContactLanguage"], call.params["UseCaseDescription"]) == ("EN", "A newsletter.")
    assert call.params["AdditionalContactEmailAddresses"] == ["ops@example.com"]
    assert call.params["ProductionAccessEnabled"] is True


async def test_a_second_application_meets_a_conflict_and_is_one_call(aws: AwsPlayground, ses: Ses) -> None:
    aws.ses().review("PENDING")
    with pytest.raises(SesError) as caught:
        await ses.apply_for_production(
            website="https://example.com", mail_type="MARKETING", language="EN", contacts=[], use_case=""
        )
    assert caught.value.kind is ErrorKind.CONFLICT
    (call,) = aws.calls_of("ses:PutAccountDetails")
    assert "AdditionalContactEmailAddresses" not in call.params


async def test_granted_paused_and_unheard_of_are_given_as_aws_says_them(aws: AwsPlayground, ses: Ses) -> None:
    aws.ses().grant_production(quota=50_000, rate=14)
    aws.ses().pause()
    aws.ses().enforcement("UNDER_A_CLOUD")
    facts = await ses.account()
    assert facts.production_access
    assert facts.review_status == "GRANTED"
    assert not facts.sending_enabled
    assert facts.enforcement_status == "UNDER_A_CLOUD"
    assert (facts.max_24_hour_send, facts.max_send_rate) == (50_000, 14)


async def test_every_page_of_identities_is_read(aws: AwsPlayground, ses: Ses, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.rules.seconds_between_calls = 0
    monkeypatch.setattr(operations, "IDENTITIES_A_PAGE", 3)
    for number in range(7):
        aws.ses().verify(f"d{number}.example.com")
    aws.ses().pend("someone@example.org")
    found = {identity.name: identity for identity in await ses.identities()}
    assert len(found) == 8
    assert len(aws.calls_of("ses:ListEmailIdentities")) == 3
    assert found["d6.example.com"] == ListedIdentity("d6.example.com", IdentityKind.DOMAIN, "SUCCESS", True)
    assert found["someone@example.org"] == ListedIdentity("someone@example.org", IdentityKind.ADDRESS, "PENDING", False)


async def test_an_identity_from_its_creation_to_its_end(aws: AwsPlayground, ses: Ses, sign_in: SignIn) -> None:
    session = sign_in(aws.create_key())
    await session.call(
        "ses:CreateConfigurationSet", lambda client: client.create_configuration_set(ConfigurationSetName="mailroom-1")
    )
    await ses.create_identity("example.com", "mailroom-1")
    await ses.set_mail_from("example.com", "mail.example.com")
    with pytest.raises(SesError) as caught:
        await ses.identity("example.com")
    assert caught.value.kind is ErrorKind.NOT_FOUND  # for a moment AWS may not know it
    facts = await ses.new_identity("example.com")
    assert facts.kind is IdentityKind.DOMAIN
    assert (facts.verification_status, facts.verified_for_sending) == ("PENDING", False)
    assert len(facts.dkim_tokens) == 3
    assert facts.dkim_zone.endswith("amazonses.com")
    assert (facts.mail_from_domain, facts.mail_from_status) == ("mail.example.com", "PENDING")
    assert facts.configuration_set == "mailroom-1"

    with pytest.raises(SesError) as caught:
        await ses.create_identity("example.com", "mailroom-1")
    assert caught.value.kind is ErrorKind.EXISTS

    await ses.clear_configuration_set("example.com")
    aws.ses().fail("example.com", "HOST_NOT_FOUND")
    facts = await ses.identity("example.com")
    assert (facts.verification_status, facts.error_type, facts.dkim_status) == ("FAILED", "HOST_NOT_FOUND", "FAILED")
    assert facts.configuration_set == ""

    await ses.delete_identity("example.com")
    with pytest.raises(SesError) as caught:
        await ses.identity("example.com")
    assert caught.value.kind is ErrorKind.NOT_FOUND


async def test_an_address_keeps_its_at_sign_on_the_way(aws: AwsPlayground, ses: Ses) -> None:
    aws.ses().verify("some.one+tag@example.com")
    facts = await ses.identity("some.one+tag@example.com")
    assert facts.kind is IdentityKind.ADDRESS
    assert facts.verified_for_sending


async def test_suppressed_by_aws_or_not(aws: AwsPlayground, ses: Ses) -> None:
    aws.ses().grant_production()
    aws.ses().suppress("gone@example.org", "BOUNCE")
    found = await ses.get_suppressed("gone@example.org")
    assert found is not None
    assert (found.address, found.reason) == ("gone@example.org", "BOUNCE")
    assert found.since.tzinfo is not None
    assert await ses.get_suppressed("here@example.org") is None


async def test_a_dead_key_is_an_access_loss_in_every_method(aws: AwsPlayground, sign_in: SignIn) -> None:
    key = aws.create_key()
    aws.revoke(key)
    ses = Ses(sign_in(key))
    for call in (ses.account(), ses.identities(), ses.identity("example.com"), ses.get_suppressed("a@example.org")):
        with pytest.raises(SesError) as caught:
            await call
        assert caught.value.is_access_loss
        assert caught.value.kind is ErrorKind.ACCESS

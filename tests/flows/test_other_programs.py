"""What else lives in a team's AWS account: other programs' mail leaves as before, whatever Mailroom does and undoes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from tests.flows.test_identity_recovery import alert, fails
from tests.flows.world import ACCOUNT, OVER_HTTP, OVER_SOCKET_MODE, REGION, World, long_case

SHOP = "shop@acme.test"


@pytest.fixture
def shop(world: World) -> Iterator[Any]:
    """SES for another program of the account, which names no configuration set."""
    key = world.aws.create_key(ACCOUNT, user="shop")
    client = botocore.session.Session().create_client(
        "sesv2",
        region_name=REGION,
        endpoint_url=world.aws.url,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
    )
    yield client
    client.close()


def sells(shop: Any) -> None:
    """A mail of the other program leaves; else botocore raises."""
    body = {"Subject": {"Data": "Your order"}, "Body": {"Text": {"Data": "It is on its way."}}}
    to = {"ToAddresses": ["success@simulator.amazonses.com"]}
    shop.send_email(FromEmailAddress=SHOP, Destination=to, Content={"Simple": body})


async def deletes_the_mailer(world: World) -> str:
    """Delete it and keep the identities; returns what the person is told."""
    modal = await world.opens(world.ada, "/mailer delete", "Delete mailer")
    modal.fill("Type the channel name", "news")
    await modal.submit()
    await world.settle()
    return (await world.ada.modal("Delete mailer")).text


@OVER_HTTP
@pytest.mark.long
async def test_an_identity_is_given_no_default_configuration_set(world: World, shop: Any) -> None:
    await world.is_connected()
    await world.adds("acme.test", verified=True)

    assert world.ses.identities["acme.test"].configuration_set is None
    await deletes_the_mailer(world)
    assert not world.ses.configuration_sets
    sells(shop)


@OVER_HTTP
async def test_a_default_that_was_ours_is_taken_off_before_the_set_goes(world: World, shop: Any) -> None:
    await world.is_connected()
    await world.adds("acme.test", verified=True)
    await world.adds("other.test", verified=True)
    (ours,) = world.ses.configuration_sets
    world.ses.identities["acme.test"].configuration_set = ours  # as Mailroom gave it to each identity, once
    shop.create_configuration_set(ConfigurationSetName="others")
    world.ses.identities["other.test"].configuration_set = "others"

    await deletes_the_mailer(world)

    assert not set(world.ses.configuration_sets) - {"others"}
    assert world.ses.identities["acme.test"].configuration_set is None
    assert world.ses.identities["other.test"].configuration_set == "others"
    sells(shop)


@OVER_HTTP
async def test_a_set_by_which_others_may_still_send_stays_and_is_named(world: World, shop: Any) -> None:
    await world.is_connected()
    await world.adds("acme.test", verified=True)
    (ours,) = world.ses.configuration_sets
    world.ses.identities["acme.test"].configuration_set = ours
    world.aws.fail("ses:PutEmailIdentityConfigurationSetAttributes", "AccessDeniedException", times=None)

    told = await deletes_the_mailer(world)

    assert ours in told
    assert "default configuration set of acme.test: AccessDeniedException" in told
    assert ours in world.ses.configuration_sets
    sells(shop)


@OVER_HTTP
@pytest.mark.long
async def test_a_default_of_a_mailer_that_is_gone_is_taken_off_when_its_identity_is_adopted(
    world: World, shop: Any
) -> None:
    world.ses.verify("acme.test")
    world.ses.identities["acme.test"].configuration_set = "mailroom-gone"
    with pytest.raises(shop.exceptions.BadRequestException):
        sells(shop)
    await world.is_connected()

    await world.adds("acme.test")

    assert world.ses.identities["acme.test"].configuration_set is None
    sells(shop)


@OVER_SOCKET_MODE
@pytest.mark.parametrize(("default", "kept"), [long_case("mailroom-gone", None), ("gone", None), ("others", "others")])
async def test_a_retry_keeps_the_default_of_others_and_is_not_trapped_by_a_dead_one(
    world: World, shop: Any, default: str, kept: str | None
) -> None:
    shop.create_configuration_set(ConfigurationSetName="others")
    await world.is_connected()
    await world.adds("acme.test")
    world.ses.identities["acme.test"].configuration_set = default
    failed = await fails(world)
    old = world.ses.identities["acme.test"]

    await world.ada.press(failed, "Retry verification")
    await world.settle()

    assert world.ses.identities["acme.test"] is not old
    assert world.ses.identities["acme.test"].configuration_set == kept
    assert (await world.ada.sees(world.news, "acme.test was created again at AWS")).ephemeral


@OVER_SOCKET_MODE
async def test_a_default_that_dies_while_a_retry_is_under_way_traps_nothing(world: World, shop: Any) -> None:
    shop.create_configuration_set(ConfigurationSetName="others")
    await world.is_connected()
    await world.adds("acme.test")
    world.ses.identities["acme.test"].configuration_set = "others"
    await fails(world)
    world.aws.fail("ses:CreateEmailIdentity", "unavailable", times=3)
    await world.ada.press(alert(world), "Retry verification")
    await world.settle()
    assert "acme.test" not in world.ses.identities
    shop.delete_configuration_set(ConfigurationSetName="others")

    await world.passes(60)

    assert world.ses.identities["acme.test"].configuration_set is None

"""*Webhook*, in `/mailer settings`: set up by a person, told of a broadcast and a bounce, failing, switched off."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from sqlmodel import select

from bot.webhooks.events import Topic
from handlers.slack.dispatch.registration import AckTimeouts
from storage.models import Team, Webhook
from tests.audit_log import audits
from tests.databases import Clock
from tests.flows.world import OVER_HTTP, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.slack.surfaces import Modal
from tests.playground.webhooks import WebhookPlayground, secret_in

EVENTS = ["Broadcasts", "Bounces", "Complaints", "Suppressions", "Mailer"]


@pytest.fixture
async def open_to_loopback(aws: AwsPlayground, database_url: str, clock: Clock) -> AsyncIterator[World]:
    async with open_world(aws, database_url, clock, mailroom_webhook_networks="127.0.0.0/8") as world:
        yield world


@pytest.fixture
async def hooks() -> AsyncIterator[WebhookPlayground]:
    async with WebhookPlayground() as made:
        yield made


async def form(world: World) -> Modal:
    settings = await world.opens(world.ada, "/mailer settings", "Settings")
    await settings.press("Webhook")
    await world.bot.tasks.idle()
    return await world.ada.modal("Webhook")


async def saves(world: World, address: str) -> Modal:
    modal = await form(world)
    modal.fill("Webhook address", address)
    await modal.submit()
    await world.bot.tasks.idle()
    return modal


async def posts(world: World, seconds: float = 0) -> None:
    await world.passes(seconds)
    await world.bot.services.webhook_delivery.tick()
    await world.bot.services.webhook_delivery.idle()
    await world.says_what_it_has_to()


async def pressed(world: World, modal: Modal, label: str, title: str = "") -> Modal:
    await modal.press(label)
    await world.bot.tasks.idle()
    return await world.ada.modal(title or label)


@OVER_HTTP
async def test_a_person_sets_it_up_tries_it_and_it_hears_of_a_broadcast_and_a_bounce(
    open_to_loopback: World, hooks: WebhookPlayground
) -> None:
    world = open_to_loopback
    await world.is_ready()
    saved = await saves(world, hooks.address)
    secret = secret_in(saved.text)

    again = await form(world)
    assert secret not in again.text
    assert "Taken: 204 No Content" in (await pressed(world, again, "Send a test")).text
    again = await form(world)
    new = secret_in((await pressed(world, again, "New secret")).text)
    assert new != secret
    assert hooks.posted[0].type == "webhook.test"

    await world.sends(b"email\nann@elsewhere.test\nbounce@simulator.amazonses.com\n")
    await posts(world, 10)
    kinds = [each.type for each in hooks.taken]
    assert kinds[1:5] == ["broadcast.scheduled", "broadcast.sending", "broadcast.done", "delivery.bounced"]
    bounced = next(each for each in hooks.taken if each.type == "delivery.bounced")
    assert bounced.data["items"][0]["address"] == "bounce@simulator.amazonses.com"
    assert all(each.is_signed_by(new) and each.is_signed_by(secret) for each in hooks.taken[1:])

    attempts = (await pressed(world, await form(world), "Attempts")).text
    assert "webhook.test" in attempts
    assert "delivery.bounced" in attempts
    rows = await audits(world.bot.db, "webhook.save")
    assert rows[0].after["host"] == "127.0.0.1"
    assert secret not in repr(rows)


@OVER_HTTP
async def test_an_address_that_is_not_public_is_refused_in_its_field(world: World) -> None:
    await world.is_connected()
    for address, says in (
        ("http://example.com/hook", "must begin with https"),
        ("https://10.0.0.7/hook", "not public"),
        ("https://127.0.0.1/hook", "not public"),
    ):
        modal = await saves(world, address)
        assert says in modal.errors["Webhook address"]
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Webhook))).all() == []


@OVER_HTTP
async def test_a_receiver_that_is_gone_is_an_alert_with_its_buttons(
    open_to_loopback: World, hooks: WebhookPlayground
) -> None:
    world = open_to_loopback
    await world.is_ready()
    await saves(world, hooks.address)
    hooks.answer = 410
    await world.sends()
    await posts(world)
    alert = await world.ada.sees(world.news, "its receiver answered 410, gone")
    assert (
        "Webhook: off, since its receiver is gone"
        in (await world.opens(world.ada, "/mailer settings", "Settings")).text
    )

    await world.bob.press(alert, "Switch off")
    await world.bot.tasks.idle()
    await world.bob.sees(world.news, "Only team admins can do this")
    hooks.answer = 200
    await world.ada.press(alert, "Retry")
    await posts(world)
    await world.ada.sees(world.news, "The webhook's receiver takes what it is told again")
    assert [each.type for each in hooks.taken] == ["broadcast.scheduled", "broadcast.sending", "broadcast.done"]

    await pressed(world, await form(world), "Switch off", "Webhook")
    settings = await world.opens(world.ada, "/mailer settings", "Settings")
    assert "Webhook: none" in settings.text


@OVER_HTTP
async def test_what_another_has_saved_meanwhile_is_not_written_over(
    open_to_loopback: World, hooks: WebhookPlayground
) -> None:
    world = open_to_loopback
    await world.is_connected()
    await saves(world, hooks.address)
    late = await form(world)
    await world.bot.services.webhooks.save(await team(world), hooks.address, [Topic.BOUNCES], 1, "U1")
    late.fill("Webhook address", f"{hooks.address}?late")
    await late.submit()
    await world.bot.tasks.idle()

    shown = await world.ada.modal("Webhook")
    assert "Somebody else changed the webhook" in shown.text
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Webhook.address, Webhook.topics))).all() == [(hooks.address, ["bounces"])]
    assert shown.value("Webhook address") == f"{hooks.address}?late"
    await shown.submit()
    await world.bot.tasks.idle()
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Webhook.address))).all() == [f"{hooks.address}?late"]


@OVER_HTTP
async def test_while_a_receiver_is_slow_the_modal_says_that_it_waits(
    aws: AwsPlayground, database_url: str, clock: Clock, hooks: WebhookPlayground
) -> None:
    patience = AckTimeouts(opening=0.05, submission=25, slow=25)
    allowed = "127.0.0.0/8"
    async with open_world(aws, database_url, clock, patience=patience, mailroom_webhook_networks=allowed) as world:
        await world.is_connected()
        await saves(world, hooks.address)
        go_on = asyncio.Event()

        async def slow(_request: web.Request) -> web.StreamResponse:
            await go_on.wait()
            return web.Response(status=503)

        hooks.answer = slow
        settings = await world.opens(world.ada, "/mailer settings", "Settings")
        await settings.press("Webhook")
        modal = await world.ada.modal("Webhook")
        await modal.press("Send a test")
        await modal.shows("Posting to the receiver")
        go_on.set()
        await world.bot.tasks.idle()
        await (await world.ada.modal("Send a test")).shows("Not taken: 503 Service Unavailable")


async def team(world: World) -> Team:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Team))).one()

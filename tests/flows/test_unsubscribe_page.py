"""The page behind an unsubscribe link: its way back, its languages, and what it refuses to do."""

from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from sqlmodel import select

from bot.suppression.recording import suppress
from storage.models import LiftedSuppression, Suppression, Team
from storage.states import SuppressionReason
from tests.databases import Clock
from tests.flows.test_unsubscribe import PUBLIC_URL, link_of
from tests.flows.world import OVER_HTTP, World, open_world
from tests.playground.aws import AwsPlayground

ANN = "ann@elsewhere.test"
AGAIN = {"subscribe_again": "yes"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
async def world(aws: AwsPlayground, database_url: str, clock: Clock) -> AsyncIterator[World]:
    async with open_world(aws, database_url, clock, socket_mode=True, public_url=PUBLIC_URL) as built:
        await built.is_open()
        yield built


async def ann_has_a_link(world: World) -> str:
    await world.sends()
    return link_of(world, world.aws.mails_to(ANN)[-1])


async def ask(method: str, url: str, **options: Any) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.request(method, url, **options) as answer:
        return answer.status, await answer.text()


async def reason(world: World) -> str | None:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Suppression.reason).where(Suppression.address == ANN))).first()


async def test_who_left_comes_back_on_the_page_and_is_mailed_again(world: World) -> None:
    link = await ann_has_a_link(world)
    _, page = await ask("POST", link, data=ONE_CLICK)
    assert "Subscribe again" in page
    _, page = await ask("GET", link)
    assert "You are unsubscribed" in page
    assert "Subscribe again" in page
    assert await reason(world) is SuppressionReason.UNSUBSCRIBED

    for _ in range(2):
        status, page = await ask("POST", link, data=AGAIN)
        assert status == 200
        assert "You are subscribed again" in page

    assert await reason(world) is None
    async with world.bot.db.read() as session:
        lifted = (await session.exec(select(LiftedSuppression))).one()
    assert (lifted.address, lifted.lifted_by, lifted.reason) == (ANN, "recipient", SuppressionReason.UNSUBSCRIBED)
    assert "who had asked for it" in (await world.asks(world.ada, "/mailer audit", "What was done last")).text
    await world.sends(subject="Spring news again")
    assert len(world.aws.mails_to(ANN)) == 2


@OVER_HTTP
async def test_a_one_click_post_only_ever_unsubscribes(world: World) -> None:
    link = await ann_has_a_link(world)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    latin = {"Content-Type": "application/x-www-form-urlencoded; charset=none"}
    for options in (
        {"data": {**ONE_CLICK, **AGAIN}},
        {"data": BytesIO(b"subscribe_again=yes&" + b"x" * 1_100_000), "headers": form},
        {"data": b"subscribe_again=yes", "headers": latin},
        {"data": b"subscribe_again=yes", "headers": {"Content-Type": "text/plain"}},
        {"data": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {},
    ):
        async with world.bot.db.write() as session:
            for row in await session.exec(select(Suppression).with_for_update()):
                await session.delete(row)
        status, page = await ask("POST", link, **options)
        assert (status, "You are unsubscribed" in page) == (200, True), options
        assert await reason(world) is SuppressionReason.UNSUBSCRIBED, options


@OVER_HTTP
async def test_after_thirty_days_or_a_complaint_the_page_brings_nobody_back(world: World) -> None:
    link = await ann_has_a_link(world)
    await ask("POST", link, data=ONE_CLICK)
    world.clock.advance(timedelta(days=30, seconds=1).total_seconds())
    assert "Subscribe again" not in (await ask("GET", link))[1]
    status, page = await ask("POST", link, data=AGAIN)
    assert (status, "Ask the sender to mail you again." in page) == (409, True)
    assert await reason(world) is SuppressionReason.UNSUBSCRIBED

    async with world.bot.db.write() as session:
        team = (await session.exec(select(Team.id))).one()
        await suppress(session, team, ANN, SuppressionReason.COMPLAINT, source="", now=world.clock())
    assert "Subscribe again" not in (await ask("GET", link))[1]
    assert (await ask("POST", link, data=AGAIN))[0] == 409
    assert await reason(world) is SuppressionReason.COMPLAINT


@OVER_HTTP
@pytest.mark.long
async def test_who_bounced_can_still_unsubscribe(world: World) -> None:
    link = await ann_has_a_link(world)
    await world.asks(world.ada, f"/mailer suppress {ANN}", "never mailed again")

    assert "Unsubscribe?" in (await ask("GET", link))[1]
    await ask("POST", link)

    assert await reason(world) is SuppressionReason.UNSUBSCRIBED


@OVER_HTTP
@pytest.mark.long
async def test_the_page_speaks_the_readers_language_and_names_the_sender(world: World) -> None:
    link = await ann_has_a_link(world)
    form = await world.opens(world.ada, "/mailer settings", "Settings")
    form.fill("From name", "Acme & <Söhne>")
    await form.submit()
    await world.bot.tasks.idle()

    for language, says in {
        "en": "Unsubscribe from Acme &amp; &lt;Söhne&gt;?",
        "de-CH": "Acme &amp; &lt;Söhne&gt; abbestellen?",
        "fr": "Se désabonner de Acme &amp; &lt;Söhne&gt; ?",
        "es-MX": "¿Darse de baja de Acme &amp; &lt;Söhne&gt;?",
        "pt-BR": "Cancelar a subscrição de Acme &amp; &lt;Söhne&gt;?",
    }.items():
        status, page = await ask("GET", link, headers={"Accept-Language": language})
        assert status == 200
        assert f'<html lang="{language[:2]}">' in page
        assert says in page
    left = await ask("POST", link, data=ONE_CLICK)
    assert "<p>Acme &amp; &lt;Söhne&gt;</p><h1>You are unsubscribed</h1>" in left[1]
    wrong = await ask("GET", f"{link}x", headers={"Accept-Language": "de"})
    assert (wrong[0], "Dieser Link funktioniert nicht" in wrong[1]) == (404, True)

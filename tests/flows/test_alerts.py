"""E7, E10, E13, A1, A2, A3: what breaks is told once, with what mends it, and that it is over is told too."""

import pytest
from sqlmodel import select

from storage.models import Broadcast, Identity, Incident, Mailer, Outbox
from storage.states import Access, BroadcastState, IdentityState
from tests.flows.world import AUDIENCE, BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, World, long_case
from tests.playground.aws.faults import How
from tests.playground.slack.driver import Person, Seen
from tests.playground.slack.world import Message

HOUR, DAY = 3_600, 86_400
HEALTHY = 600  # seconds between two looks at a healthy mailer
LOST = "AWS no longer accepts Mailroom's credentials"


def alerts(world: World, text: str = "", *, channel: str = "news") -> list[Message]:
    """Return what the channel was told of incidents, with this text, replies left out."""
    shown = [m for m in world.slack.world.messages if m.channel.name == channel and not m.thread_ts and not m.shown_to]
    told = [m for m in shown if ":rotating_light:" in str(m.blocks) or "Over since" in str(m.blocks)]
    return [message for message in told if text in world.slack.text_of(message)]


def replies(world: World) -> list[Message]:
    """Those under alerts; the DNS records are a file under another message."""
    return [m for m in world.slack.world.messages if m.thread_ts and not m.files]


async def the_mailer(world: World) -> Mailer:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Mailer))).one()


async def access_is_lost(world: World) -> Seen:
    """Let two looks find that AWS refuses the key."""
    await world.passes(HEALTHY)
    await world.passes(30)
    return await world.bob.sees(world.news, LOST)


async def test_a_dead_key_is_one_alert_with_what_mends_it_within_two_intervals(world: World) -> None:
    key = await world.is_connected()
    await world.adds("acme.test", verified=True)
    world.aws.revoke(key)
    since = world.clock()
    asked = len(world.aws.calls_of("sts:GetCallerIdentity"))

    alert = await access_is_lost(world)

    assert len(world.aws.calls_of("sts:GetCallerIdentity")) > asked  # the second call is another one
    assert (world.clock() - since).total_seconds() <= 2 * HEALTHY
    assert alert.buttons == ["Reconnect", "Delete mailer", "Acknowledge"]
    for part in ("since", "What it stops", "No test and no broadcast goes out", "What to do", "Press Reconnect"):
        assert part in alert.text.replace("*", "")
    await world.passes(HEALTHY)
    assert len(alerts(world)) == 1
    card = await world.asks(world.bob, "/mailer", "As AWS told us")
    assert LOST in card.text.split("Connection", maxsplit=1)[0]


@OVER_HTTP
@pytest.mark.parametrize(
    "how",
    [
        "UnrecognizedClientException",
        long_case("AccessDeniedException"),
        How.THROTTLE,
        *map(long_case, (How.UNAVAILABLE, How.REFUSE)),
    ],
)
async def test_a_blip_raises_no_alarm(world: World, how: str) -> None:
    await world.is_connected()
    await world.adds("acme.test", verified=True)
    world.aws.fail("ses:GetAccount", how, times=1 if how.endswith("Exception") else 3)

    for seconds in (HEALTHY, 30, 30, HEALTHY):
        await world.passes(seconds)

    assert (await the_mailer(world)).access is Access.OK
    assert alerts(world) == []
    assert "You can't send" not in (await world.asks(world.bob, "/mailer", "As AWS told us")).text


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_recovery_is_said_under_the_alert_for_the_whole_channel(world: World) -> None:
    key = await world.is_connected()
    world.aws.revoke(key)
    alert = await access_is_lost(world)

    world.aws.restore(key)
    await world.passes(HEALTHY)

    (reply,) = replies(world)
    assert "AWS accepts Mailroom's credentials again" in world.slack.text_of(reply)
    assert (reply.thread_ts, reply.broadcast) == (alert.ts, True)
    assert "Over since" in alert.text
    assert alert.buttons == []


@pytest.mark.long
async def test_each_episode_is_an_alert_and_a_recovery(world: World) -> None:
    key = await world.is_connected()
    for _ in range(3):
        world.aws.revoke(key)
        await access_is_lost(world)
        world.aws.restore(key)
        await world.passes(HEALTHY)

    assert len(alerts(world)) == 3
    assert len(replies(world)) == 3


@OVER_HTTP
@pytest.mark.long
async def test_a_reminder_comes_after_a_day_and_every_day_until_somebody_acknowledges(world: World) -> None:
    key = await world.is_connected()
    world.aws.revoke(key)
    alert = await access_is_lost(world)

    await world.passes(DAY - 2 * HEALTHY)
    assert replies(world) == []
    await world.passes(2 * HEALTHY)
    (reminder,) = replies(world)
    assert "Still so after 24 hours" in world.slack.text_of(reminder)
    assert reminder.broadcast
    await world.passes(DAY)
    assert len(replies(world)) == 2

    await world.bob.press(alert, "Acknowledge")
    await world.settle()
    assert "Bob has acknowledged this" in alert.text
    assert alert.buttons == ["Reconnect", "Delete mailer"]
    await world.passes(DAY)
    await world.passes(DAY)
    assert len(replies(world)) == 2


async def test_an_alert_is_acknowledged_once_and_by_members_only(world: World) -> None:
    key = await world.is_connected()
    world.aws.revoke(key)
    alert = await access_is_lost(world)

    await world.gus.press(alert, "Acknowledge")
    assert (await world.gus.sees(world.news, "guest accounts cannot use it")).ephemeral
    await world.bob.press(alert, "Acknowledge")
    await world.bot.tasks.idle()
    await world.ada.press(alert, "Acknowledge", stale=True)
    assert (await world.ada.sees(world.news, "Somebody has acknowledged this already")).ephemeral


@OVER_SOCKET_MODE
async def test_every_read_answers_from_what_is_stored_while_access_is_lost(world: World) -> None:
    await world.is_ready()
    world.aws.revoke(the_key(world))
    await access_is_lost(world)
    asked = len(world.aws.calls)

    card = await world.asks(world.bob, "/mailer", "As AWS told us")
    assert "acme.test is verified" in card.text
    assert "of 50,000 sent in the last 24 hours" in card.text
    assert "Send a test" not in card.buttons
    refusal = await world.asks(world.bob, "/broadcast", "You can't send broadcasts yet")
    assert "Reconnect" in refusal.buttons
    await world.bob.types(world.news, "/broadcast test")
    await world.bot.tasks.idle()
    assert not world.aws.mails
    assert len(world.aws.calls) == asked


def the_key(world: World) -> str:
    """Return the id of the key that the bot uses, as AWS saw it last."""
    return str(world.aws.calls[-1].access_key_id)


@OVER_HTTP
@pytest.mark.long
async def test_one_revoked_action_is_found_by_the_daily_check_and_named(world: World) -> None:
    key = await world.is_connected()
    world.aws.set_permissions(key, deny=["ses:SendBulkEmail"])

    await world.passes(HEALTHY)
    assert (await the_mailer(world)).access is Access.OK
    await world.passes(DAY)
    assert alerts(world) == []
    await world.passes(30)

    alert = await world.bob.sees(world.news, "no longer allows")
    assert "ses:SendBulkEmail" in alert.text
    assert alert.buttons == ["Reconnect", "Delete mailer", "Acknowledge"]
    await world.passes(HEALTHY)  # what else is read still works, and that is no recovery
    assert (await the_mailer(world)).access is Access.LOST

    world.aws.set_permissions(key)
    await world.passes(HEALTHY)
    assert (await the_mailer(world)).access is Access.OK
    assert len(alerts(world)) == 1
    assert "Over since" in alert.text


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_an_outage_of_the_region_is_one_alert_a_team_and_no_loss_of_access(world: World) -> None:
    await world.is_connected()
    other = world.slack.channel("other", people=[world.ada, world.bob])
    await world.connects(channel=other)
    world.aws.fail("*", How.UNAVAILABLE, times=None, region="eu-west-1")

    await world.passes(HEALTHY)
    for _ in range(12):
        await world.passes(60)

    for channel in ("news", "other"):
        (alert,) = alerts(world, channel=channel)
        assert "AWS does not answer in eu-west-1" in world.slack.text_of(alert)
    async with world.bot.db.read() as session:
        assert set(await session.exec(select(Mailer.access))) == {Access.OK}

    seen = await world.bob.sees(world.news, "AWS does not answer in eu-west-1")
    assert seen.buttons == ["Check now", "Acknowledge"]
    await world.bob.press(seen, "Check now")
    await world.bob.sees(world.news, "AWS did not answer")
    world.aws.heal()
    await world.passes(60)
    await world.passes(60)
    assert [world.slack.text_of(reply).count("AWS answers in eu-west-1 again") for reply in replies(world)] == [1, 1]


@OVER_HTTP
async def test_an_identity_that_is_lost_is_an_alert_with_retry_and_replace(world: World) -> None:
    await world.is_ready()
    world.ses.fail("acme.test", error="HOST_NOT_FOUND")
    await world.passes(HEALTHY)

    alert = await world.bob.sees(world.news, "acme.test can no longer send")
    assert alert.buttons == ["Retry verification", "Replace identity", "Acknowledge"]
    assert "HOST_NOT_FOUND" in alert.text
    refusal = await world.asks(world.bob, "/broadcast", "You can't send broadcasts yet")
    assert "acme.test" in refusal.text

    world.ses.verify("acme.test")
    await world.passes(HEALTHY)
    assert "Over since" in alert.text
    assert len(alerts(world)) == 1
    (reply,) = replies(world)
    assert "acme.test is verified again" in world.slack.text_of(reply)
    assert len([text for text in world.bob.reads(world.news) if "acme.test is verified. You can now" in text]) == 1


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_an_alert_that_somebody_mends_ends_without_another_word(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test", verified=True)
    world.ses.fail("acme.test")
    await world.passes(HEALTHY)
    alert = await world.bob.sees(world.news, "acme.test can no longer send")

    await world.ada.press(alert, "Retry verification")
    await world.settle()

    assert "Over since" in alert.text
    assert replies(world) == []


@OVER_HTTP
async def test_an_identity_that_somebody_deleted_at_aws_is_an_alert(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test", verified=True)
    world.ses.vanish("acme.test")
    await world.passes(HEALTHY)

    alert = await world.bob.sees(world.news, "acme.test is no longer in the AWS account")
    assert alert.buttons == ["Retry verification", "Replace identity", "Acknowledge"]


@OVER_SOCKET_MODE
async def test_a_verification_that_fails_is_one_alert(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    world.ses.fail("acme.test", "HOST_NOT_FOUND")
    for _ in range(3):
        await world.passes(60)

    alert = await world.bob.sees(world.news, "AWS could not verify acme.test")
    assert "AWS found nothing in the DNS under the names of its records." in alert.text
    assert alert.buttons == ["Retry verification", "Replace identity", "Acknowledge"]
    assert len(alerts(world)) == 1


@OVER_HTTP
async def test_the_channel_is_told_before_aws_gives_up_on_an_identity(world: World) -> None:
    await world.is_connected()
    await world.adds("acme.test")
    await world.passes(59 * HOUR)
    assert alerts(world) == []
    await world.passes(HOUR)

    alert = await world.bob.sees(world.news, "AWS gives up on verifying acme.test")
    assert alert.buttons == ["Check now", "Acknowledge"]
    await world.bob.press(alert, "Check now")
    await world.bob.modal("Check now")

    world.ses.verify("acme.test")
    await world.passes(60)
    assert "Over since" in alert.text
    assert replies(world) == []  # that it is verified is a message of its own


@OVER_SOCKET_MODE
async def test_paused_shut_and_on_probation_are_three_different_incidents(world: World) -> None:
    await world.is_ready()
    world.ses.enforcement("PROBATION")
    await world.passes(HEALTHY)
    probation = await world.bob.sees(world.news, "on probation")
    assert "tests and broadcasts still go" in probation.text

    world.ses.pause()
    await world.passes(HEALTHY)
    paused = await world.bob.sees(world.news, "has paused this account's sending")
    assert "No test and no broadcast" in paused.text
    assert "Over since" in probation.text

    world.ses.enforcement("SHUTDOWN")
    await world.passes(HEALTHY)
    shut = await world.bob.sees(world.news, "has shut down this account's sending")
    assert shut.buttons == ["Check now", "Acknowledge"]
    assert len(alerts(world)) == 3
    world.ses.enforcement("HEALTHY")
    world.ses.resume()
    await world.bob.press(shut, "Check now")
    assert "nothing is wrong any more" in (await world.bob.modal("Check now")).text
    await world.settle()
    assert "Over since" in shut.text


@OVER_HTTP
async def test_denied_production_is_an_alert_with_the_case_and_no_retry(world: World) -> None:
    await world.is_connected()
    world.ses.deny_production("170000001")
    await world.passes(HEALTHY)

    alert = await world.bob.sees(world.news, "AWS denied production access")
    assert "170000001" in alert.text
    assert alert.buttons == ["Check now", "Acknowledge"]
    await world.passes(HEALTHY)
    assert len(alerts(world)) == 1


@OVER_SOCKET_MODE
async def test_the_quota_is_told_at_eighty_percent_and_when_it_is_used_up_and_does_not_flap(world: World) -> None:
    await world.is_ready(quota=1_000)
    for sent in (850, 1_000, 990, 1_000, 940, 1_000):
        world.ses.set_quota(max_24h=1_000, sent=sent)
        await world.passes(HEALTHY)

    assert len(alerts(world, "Most of the daily quota is used")) == 1
    assert len(alerts(world, "The daily quota is used up")) == 1
    world.ses.set_quota(max_24h=1_000, sent=600)
    await world.passes(HEALTHY)
    assert len(alerts(world, "Over since")) == 2
    assert len(replies(world)) == 1


@OVER_HTTP
async def test_a_thousand_identities_are_one_alert_when_the_key_dies_and_when_they_fail(world: World) -> None:
    key = await world.is_connected()
    names = [f"d{number}.test" for number in range(1_000)]
    world.ses.verify(*names)
    await world.passes(HEALTHY)
    async with world.bot.db.write() as session:
        for row in await session.exec(select(Identity).with_for_update()):
            row.managed = True
    world.aws.revoke(key)
    await access_is_lost(world)
    assert len(alerts(world)) == 1

    world.aws.restore(key)
    for name in names:
        world.ses.fail(name)
    await world.passes(HEALTHY)
    async with world.bot.db.read() as session:
        assert set(await session.exec(select(Identity.state))) == {IdentityState.FAILED}
    assert len(alerts(world)) == 2
    (alert,) = alerts(world, "1,000 identities")
    assert world.slack.text_of(alert).count(".test") == 10
    seen = Seen(alert, world.slack)
    assert seen.buttons == ["Check now", "Acknowledge"]
    await world.ada.press(seen, "Check now")
    listed = await world.ada.modal("Check now")
    assert listed.text.count("failed verification") == 40
    assert "960 more identities fail" in listed.text
    assert listed.buttons.count("Retry verification") == 40

    world.ses.verify(*names)
    await world.passes(HEALTHY)
    assert len(alerts(world, "Over since")) == 2
    assert len(replies(world)) == 2
    assert not [text for text in world.bob.reads(world.news) if "You can now" in text]


async def test_a_broadcast_pauses_when_access_is_lost_and_resumes_after_a_reconnect(world: World) -> None:
    await world.is_ready(rate=1)
    key = world.aws.create_key(user="next")
    people = b"email,first_name\n" + b"".join(b"p%d@elsewhere.test,P\n" % number for number in range(40))
    message = await world.confirms(await world.composes(people))
    mailer = await the_mailer(world)
    world.aws.set_permissions(the_key(world), allow=[])
    await world.passes(31)
    assert "is paused" in message.text
    await world.passes(30)
    await world.passes(30)
    await world.bob.sees(world.news, "no longer allows")
    await world.passes(HEALTHY)
    assert "AWS refused the credentials" in message.text

    modal = await world.opens(world.ada, "/mailer reconnect", "Reconnect Amazon SES")
    modal.fill("Access key ID", key.access_key_id)
    modal.fill("Secret access key", key.secret_access_key)
    await modal.submit()
    await world.settle()
    assert (await the_mailer(world)).version == mailer.version + 1
    assert "is paused" in message.text
    assert message.buttons[0] == "Resume"
    assert len(replies(world)) == 0  # the channel is told of the reconnect instead
    await world.bob.press(message, "Resume")
    await world.settle()
    await world.bob.sees(world.news, "is done")
    assert world.aws.mail_count == 40


@pytest.mark.long
async def test_a_broadcast_goes_on_by_itself_when_a_suspicion_is_cleared(world: World) -> None:
    await world.is_ready()
    world.aws.fail("ses:SendBulkEmail", "UnrecognizedClientException", times=1)
    message = await world.sends(AUDIENCE)
    assert "is paused" in message.text

    for _ in range(4):
        await world.passes(30)

    assert "is done" in message.text
    assert alerts(world) == []
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Broadcast.state))).one() is BroadcastState.DONE


@OVER_HTTP
async def test_what_slack_missed_for_hours_is_one_message_that_says_how_things_stand(world: World) -> None:
    key = await world.is_connected()
    await world.slack.down()
    world.aws.revoke(key)
    for _ in range(6):
        await world.passes(HOUR)
    await world.slack.up()
    await world.passes(300)
    assert ["Over since" in world.slack.text_of(alert) for alert in alerts(world, LOST)] == [False]

    await world.slack.down()
    world.aws.restore(key)
    await world.passes(HOUR)
    world.ses.pause()
    await world.passes(HOUR)
    world.ses.resume()
    await world.passes(HOUR)
    await world.slack.up()
    await world.passes(300)
    assert len(alerts(world)) == 2
    assert all("Over since" in world.slack.text_of(message) for message in alerts(world))
    assert len(replies(world)) == 1  # the first one was seen while it was open, the second one never


@BOTH_DATABASES
async def test_where_the_answer_to_a_post_was_lost_it_is_posted_once_more_at_most(world: World) -> None:
    key = await world.is_connected()
    world.slack.lose_reply("chat.postMessage")
    world.aws.revoke(key)
    await access_is_lost(world)
    await world.passes(300)

    assert len(alerts(world)) == 2


@OVER_HTTP
async def test_when_slack_asks_to_wait_it_is_not_called_before_that(world: World) -> None:
    key = await world.is_connected()
    world.slack.rate_limit("chat.postMessage", retry_after=90)
    world.aws.revoke(key)
    await world.passes(HEALTHY)
    await world.passes(30)
    await world.passes(120)

    await world.bob.sees(world.news, LOST)
    refused, taken = world.slack.calls_of("chat.postMessage")[-2:]
    assert taken.at - refused.at >= 90


@OVER_SOCKET_MODE
async def test_alerts_wait_for_a_channel_that_is_gone_and_the_admins_are_told_once_a_day(world: World) -> None:
    key = await world.is_connected()
    modal = await world.opens(world.ada, "/mailer admins", "Team admins")
    modal.fill("Team admins", [world.bob])
    await modal.submit()
    await world.bot.tasks.idle()
    await world.slack.remove_bot(world.news)
    await world.bot.tasks.idle()
    world.aws.revoke(key)
    await world.passes(HEALTHY)
    for _ in range(4):
        await world.passes(HEALTHY)

    def told(who: Person) -> list[str]:
        return [text for text in who.reads(who.dm) if "Mailroom cannot post in #news" in text]

    assert [len(told(who)) for who in (world.ada, world.bob, world.gus)] == [1, 1, 0]  # who connected, who is appointed
    assert LOST in told(world.ada)[0]
    assert alerts(world) == []
    await world.passes(DAY)
    assert [len(told(who)) for who in (world.ada, world.bob, world.gus)] == [2, 2, 0]

    await world.slack.invite_bot(world.news)
    await world.bot.tasks.idle()
    await world.passes(HEALTHY)
    assert len(alerts(world, LOST)) == 1


@OVER_HTTP
async def test_deleting_the_mailer_ends_its_alerts(world: World) -> None:
    key = await world.is_connected()
    world.aws.revoke(key)
    alert = await access_is_lost(world)

    await world.ada.press(alert, "Delete mailer")
    modal = await world.ada.modal("Delete mailer")
    modal.fill("Type the channel name", "news")
    await modal.submit()
    await world.settle()

    assert "the mailer was deleted" in alert.text
    assert alert.buttons == []
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Incident))).all() == []
        assert (await session.exec(select(Outbox).where(Outbox.shown < Outbox.wanted))).all() == []


@OVER_HTTP
@pytest.mark.parametrize("body_type", ["text/plain", "application/json"])
async def test_what_stands_before_slack_keeps_a_message_back_for_seconds_only(world: World, body_type: str) -> None:
    await world.is_connected()
    world.slack.break_down("chat.postMessage", status=503, times=3, body_type=body_type)
    world.ses.verify("acme.test")
    before = world.clock()

    await world.adds("acme.test")

    await world.bob.sees(world.news, "acme.test")
    assert (world.clock() - before).total_seconds() < 20  # 1, 2 and 4 s, and not the minute of a lease

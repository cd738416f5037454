"""The bot between a Slack that nobody here wrote (npm `emulate`, its scopes strict) and the playground's AWS."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app import Mailroom
from bot.settings import Settings
from handlers.slack.manifest import manifest
from storage.sealing import Secret
from tests.databases import Clock
from tests.flows.world import ACCOUNT, ENDLESS, KEYS, REGION, certificates_of
from tests.playground.aws import AwsPlayground
from tests.second_opinions.emulate import NODE, PERSON, SIGNING_SECRET, Emulate, emulate

pytestmark = pytest.mark.skipif(
    not NODE.exists(), reason="Slack's second opinion is left out: no `npm ci` was run in tests/second_opinions"
)


@pytest.fixture
async def slack() -> AsyncIterator[Emulate]:
    async with emulate() as started:
        yield started


@pytest.fixture
async def bot(aws: AwsPlayground, slack: Emulate, database_url: str, clock: Clock) -> AsyncIterator[Mailroom]:
    built = Mailroom(
        Settings(
            _env_file=None,
            slack_bot_token=Secret(slack.bot_token),
            slack_signing_secret=Secret(SIGNING_SECRET),
            slack_api_url=f"{slack.url}/api/",
            database_url=database_url,
            mailroom_keys=KEYS,
            port=0,
        ),
        clock=clock,
        sleep=clock.sleep,
        event_wait=0,
        fetch=certificates_of(aws),
        patience=ENDLESS,
    )
    await built.start()
    slack.request_url = f"http://127.0.0.1:{built.http.port}/slack/events"
    yield built
    await built.stop()


async def settle(bot: Mailroom, aws: AwsPlayground, clock: Clock) -> None:
    for _ in range(10):
        await bot.tasks.idle()
        await bot.services.monitor.tick()
        await bot.services.monitor.idle()
        await bot.services.dispatcher.tick()
        await bot.services.dispatcher.idle()
        await asyncio.to_thread(aws.settle)
        await bot.services.event_collector.tick()
        await bot.slack.notifier.tick()
        await bot.slack.uploader.tick()
        await bot.slack.uploader.idle()
        await bot.slack.home.tick()
        clock.advance(4)


async def texts(slack: Emulate) -> list[str]:
    found = await slack.ask("conversations.history", PERSON, channel=slack.news)
    return [message["text"] for message in found["messages"]]


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_channel_connects_composes_and_sends(
    slack: Emulate, bot: Mailroom, aws: AwsPlayground, clock: Clock
) -> None:
    ses, key = aws.ses(ACCOUNT, REGION), aws.create_key(ACCOUNT)
    ses.verify("acme.test")
    ses.grant_production(quota=50_000, rate=50)

    await slack.command("/mailer")
    await bot.tasks.idle()
    assert "Connect" in str(slack.said[-1])

    await slack.command("/mailer", "connect")
    await bot.tasks.idle()
    await slack.chooses(slack.last_view(), "Sign in with", "key")
    await bot.tasks.idle()
    form = slack.last_view()
    typed = {"Access key ID": key.access_key_id, "Secret access key": key.secret_access_key}
    await slack.submits(form, {"AWS region": REGION, **typed})
    await settle(bot, aws, clock)
    assert any("Connected to AWS account" in text for text in await texts(slack))

    file = await slack.upload("june.csv", b"email,first_name\nann@elsewhere.test,Ann\nben@elsewhere.test,Ben\n")
    await slack.command("/broadcast")
    await bot.tasks.idle()
    body = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "Hi"}]}],
    }
    what = {"From": "news@acme.test", "Subject": "Spring news", "Message": body, "Audience CSV": [file]}
    await slack.submits(slack.last_view(), what)
    await settle(bot, aws, clock)
    await slack.submits(slack.last_view(), {})
    await settle(bot, aws, clock)
    assert [len(ses.outbox.to(f"{name}@elsewhere.test")) for name in ("ann", "ben")] == [1, 1]

    await slack.opens_home()
    await settle(bot, aws, clock)
    called = {method for method, _ in slack.calls}
    assert {"auth.test", "users.info", "conversations.info", "chat.postMessage", "chat.update"} <= called
    assert {"views.open", "views.update", "views.publish"} <= called
    assert {"files.info", "files.getUploadURLExternal", "files.completeUploadExternal"} <= called  # the last: the chart
    asked_on_purpose = ("views.update", "hash_conflict")  # whether Slack has the acknowledgement yet (`ProgressView`)
    assert [one for one in slack.refused if one != asked_on_purpose] == []


async def test_a_token_without_a_scope_of_the_manifest_is_refused(slack: Emulate) -> None:
    """The scopes are looked at: what the walk above does needs those that it has."""
    scopes = manifest()["oauth_config"]["scopes"]["bot"]
    poorer = await slack.install(",".join(scope for scope in scopes if scope not in {"users:read", "chat:write"}))

    for method, values in (
        ("users.info", {"user": slack.ada}),
        ("chat.postMessage", {"channel": slack.news, "text": "x"}),
    ):
        with pytest.raises(AssertionError, match="missing_scope"):
            await slack.ask(method, poorer, **values)

"""What is typed never reaches the log, whatever the level: the bot as a process, its log as it was written."""

import pytest

from tests.playground.aws import AwsPlayground
from tests.playground.aws.playground import utc_now
from tests.playground.forked import ForkedBot
from tests.playground.stage import ACCOUNT, REGION, Stage, stage

WRONG = "wrongCanary/" + "x" * 28


async def submits(on: Stage, access_key_id: str, secret: str) -> str:
    """Fill the connect form and send it off; what is read at the end."""
    await on.ada.types(on.news, "/mailer connect")
    modal = await on.ada.modal("Connect Amazon SES")
    await modal.shows("Sign in with")
    if "Access key ID" not in modal.labels:
        await modal.choose("Sign in with", "Access key")
        await modal.shows("Access key ID")
    modal.fill("AWS region", REGION)
    modal.fill("Access key ID", access_key_id)
    modal.fill("Secret access key", secret)
    await modal.submit()
    await modal.shows("AWS account" if secret != WRONG else "does not belong to this access key ID")
    while (top := on.ada.top_modal) is not None:
        await top.close()
    return modal.text


@pytest.mark.parametrize("socket_mode", [True, False], ids=["socket", "http"])
async def test_nothing_that_is_typed_is_in_the_log_at_debug(started_aws: AwsPlayground, *, socket_mode: bool) -> None:
    started_aws.reset()
    started_aws.clock = utc_now
    key = started_aws.create_key(ACCOUNT)
    mode = {} if socket_mode else {"SLACK_APP_TOKEN": ""}
    async with stage(started_aws=started_aws, bot_class=ForkedBot, LOG_LEVEL="DEBUG", **mode) as on:
        await submits(on, key.access_key_id, WRONG)
        await submits(on, key.access_key_id, key.secret_access_key)
        await on.bob.sees(on.news, "Connected to AWS account 1111-2222-3333")
        await on.ada.types(on.news, "/mailer identity")
        modal = await on.ada.modal("Add identity")
        modal.fill("Email address or domain", "canary@acme.test")
        await modal.submit()
        await on.bob.sees(on.news, "canary@acme.test")
        await on.bot.stop()
        log = on.bot.log()

        typed = {WRONG, key.secret_access_key, key.access_key_id, "canary@acme.test"}
        given = {on.slack.bot_token, on.slack.app_token, on.slack.signing_secret}
        assert "ready, " in log
        assert [text for text in typed | given if text in log] == []

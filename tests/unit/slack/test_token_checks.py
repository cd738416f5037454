"""The doctor holds this machine's clock against Slack's: what is signed is taken for five minutes only."""

from datetime import timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from handlers.slack.codes import SlackCode
from handlers.slack.token_checks import check_clock
from storage.database import utc_now
from tests.playground.slack import SlackPlayground


@pytest.mark.parametrize("token", ["", "xoxb-wrong"])
async def test_a_clock_that_is_right_is_said_to_be_whatever_slack_says_of_the_token(token: str) -> None:
    async with SlackPlayground() as slack:
        for one in (token, slack.bot_token):
            client = AsyncWebClient(one, base_url=slack.api_url)
            assert (
                await check_clock(client, lambda: utc_now() + timedelta(seconds=50)) == "right to a minute, by Slack's"
            )


@pytest.mark.parametrize(("off", "said"), [(600, "10 minutes ahead of"), (-600, "10 minutes behind")])
async def test_a_clock_that_is_off_is_named_before_clicks_and_calls_are_refused(off: float, said: str) -> None:
    async with SlackPlayground() as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        with pytest.raises(BotError, match=f"This machine's clock is {said} Slack's") as raised:
            await check_clock(client, lambda: utc_now() + timedelta(seconds=off))

    assert raised.value.code is SlackCode.CLOCK
    assert "NTP" in raised.value.text

"""What Slack answers where it does not do what it was asked, read over loopback."""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import unknown_answers
from handlers.slack.api_errors import FAILURES, code_of, passes, retry_after
from tests.playground.slack import SlackPlayground


async def failure(slack: SlackPlayground) -> Exception:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    with pytest.raises(FAILURES) as refused:
        await client.api_call("auth.test")
    return refused.value


@pytest.mark.parametrize("body_type", ["text/plain", "text/html", "application/json"])
async def test_an_answer_that_is_none_of_slacks_is_a_passing_trouble(body_type: str) -> None:
    async with SlackPlayground() as slack:
        slack.break_down("auth.test", status=503, body_type=body_type)

        code = code_of(await failure(slack))

    assert (code, passes(code)) == ("http_503", True)


async def test_a_code_of_slacks_is_read_and_its_wait_is_kept() -> None:
    async with SlackPlayground() as slack:
        slack.rate_limit("auth.test", retry_after=7)
        slack.fail("auth.test", error="is_archived")

        limited, archived = await failure(slack), await failure(slack)

    assert isinstance(limited, SlackApiError)
    assert (code_of(limited), passes(code_of(limited)), retry_after(limited)) == ("ratelimited", True, 7)
    assert (code_of(archived), passes(code_of(archived))) == ("is_archived", False)


async def test_no_answer_is_known_by_its_error() -> None:
    async with SlackPlayground() as slack:
        slack.refuse("auth.test")

        code = code_of(await failure(slack))

    assert (code, passes(code)) == ("ServerDisconnectedError", False)


async def test_a_code_on_no_list_is_counted() -> None:
    async with SlackPlayground() as slack:
        slack.fail("auth.test", error="brand_new", times=2)
        before = unknown_answers.answers.counted.get(("slack", "auth.test"), 0)

        assert [code_of(await failure(slack)) for _ in range(2)] == ["brand_new"] * 2

    assert unknown_answers.answers.counted["slack", "auth.test"] == before + 2

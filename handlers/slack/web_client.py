"""The client with which Mailroom calls Slack's Web API."""

from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.http_retry.builtin_interval_calculators import FixedValueRetryIntervalCalculator
from slack_sdk.web.async_client import AsyncWebClient

from bot.settings import Settings

_AT_ONCE = FixedValueRetryIntervalCalculator(0.1)  # seconds; a modal has three in all to be opened


def web_client(settings: Settings) -> AsyncWebClient:
    """Return a client with the bot's token; a connection that cannot be made is tried once more, at once."""
    return AsyncWebClient(
        token=settings.slack_bot_token.reveal(),
        base_url=settings.slack_api_url,
        retry_handlers=[AsyncConnectionErrorRetryHandler(interval_calculator=_AT_ONCE)],
    )

"""The client with which Mailroom calls Slack's Web API."""

from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.http_retry.builtin_interval_calculators import FixedValueRetryIntervalCalculator
from slack_sdk.web.async_client import AsyncWebClient

from bot.settings import Settings
from storage import Secret

_AT_ONCE = FixedValueRetryIntervalCalculator(0.1)  # seconds; a modal has three in all to be opened


def web_client(settings: Settings, token: Secret, workspace: str = "") -> AsyncWebClient:
    """Return a client; a connection that cannot be made is tried once more, at once.

    Args:
        settings: with the address.
        token: a workspace's, or empty.
        workspace: the one that is meant, with the token of a whole organization
            (https://docs.slack.dev/enterprise/organization-ready-apps).
    """
    return AsyncWebClient(
        token=token.reveal() or None,
        team_id=workspace or None,
        base_url=settings.slack_api_url,
        retry_handlers=[AsyncConnectionErrorRetryHandler(interval_calculator=_AT_ONCE)],
    )

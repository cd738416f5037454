"""Whether Slack takes the tokens, and whether the app was installed with all the scopes that the manifest names."""

from collections.abc import Collection

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from handlers.slack.api_errors import code_of
from handlers.slack.codes import SlackCode
from handlers.slack.manifest import OPTIONAL_SCOPES


async def check_bot_token(client: AsyncWebClient, scopes: Collection[str]) -> str:
    """Return in which workspace the bot is.

    Raises:
        BotError: Slack refuses the token, or it lacks scopes.
    """
    try:
        answer = await client.auth_test()
    except SlackApiError as error:
        raise BotError(
            SlackCode.TOKEN,
            f"Slack refuses SLACK_BOT_TOKEN ({code_of(error)}).",
            "Copy it again from OAuth & Permissions; reinstall the app where it was removed.",
        ) from error
    has = {name.lower(): value for name, value in (answer.headers or {}).items()}.get("x-oauth-scopes", "")
    lacks = set(scopes) - {scope.strip() for scope in has.split(",")}
    if missing := lacks - OPTIONAL_SCOPES.keys():
        raise BotError(
            SlackCode.SCOPES,
            f"The app was installed without the scopes {', '.join(sorted(missing))}.",
            "Take over manifest.yml in the app's settings, then install it again.",
        )
    without = [f"{scope} ({OPTIONAL_SCOPES[scope]})" for scope in sorted(lacks)]
    has_all = "without " + ", ".join(without) if without else "with every scope of the manifest"
    return f"the bot is in the workspace {answer['team']}, {has_all}"


async def check_app_token(client: AsyncWebClient, token: str) -> str:
    """Return that a Socket Mode connection can be opened.

    Raises:
        BotError: Slack refuses the token.
    """
    try:
        await client.apps_connections_open(app_token=token)
    except SlackApiError as error:
        raise BotError(
            SlackCode.APP_TOKEN,
            f"Slack refuses SLACK_APP_TOKEN ({code_of(error)}).",
            "Make one with the scope connections:write under Basic Information, and switch Socket Mode on.",
        ) from error
    return "Socket Mode can be connected"

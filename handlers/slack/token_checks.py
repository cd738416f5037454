"""Whether Slack takes the tokens, has given the scopes that the manifest names, and has the time that we have."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from bot.settings import Settings
from bot.teams.installations import Installations
from bot.wording import count, duration
from handlers.slack.api_errors import code_of
from handlers.slack.codes import SlackCode
from handlers.slack.manifest import OPTIONAL_SCOPES
from handlers.slack.ops_channel import refuse_shared
from handlers.slack.web_client import web_client
from storage import Database, load_keys

CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""Beyond five minutes nothing that is signed is taken any more: by us of Slack
(https://docs.slack.dev/authentication/verifying-requests-from-slack), by AWS of us."""


async def check_bot_token(client: AsyncWebClient, scopes: Collection[str], whose: str = "SLACK_BOT_TOKEN") -> str:
    """Return in which workspace the bot is; `whose` says which token it is.

    Raises:
        BotError: Slack refuses the token, or it lacks scopes.
    """
    try:
        answer = await client.auth_test()
    except SlackApiError as error:
        raise BotError(
            SlackCode.TOKEN,
            f"Slack refuses {whose} ({code_of(error)}).",
            "Copy it again from OAuth & Permissions; reinstall the app where it was removed.",
        ) from error
    has = answer.headers.get("x-oauth-scopes", "")
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


async def check_installations(settings: Settings, db: Database, scopes: Collection[str]) -> str:
    """Return in how many workspaces and organizations the app is, each with a token that Slack takes.

    Raises:
        BotError: it refuses some, or they lack scopes.
    """
    if (db.path and not db.path.exists()) or not await db.is_current():
        return "installations can be looked at once the database is there and up to date"
    keys = load_keys(settings.mailroom_keys, db.path)
    live = await Installations(db, keys).live()
    wrong: list[str] = []
    for access in (one for one in live if one.expires_at is None or one.expires_at > db.now()):
        try:
            await check_bot_token(web_client(settings, access.token), scopes, "its token")
        except BotError as error:
            wrong.append(f"{access.name or access.place}: {error.sentence}")
    if wrong:
        raise BotError(
            SlackCode.TOKEN,
            f"{len(wrong)} of {len(live)} installations cannot be used as they are. " + " ".join(wrong),
            f"Have them install the app again, at {settings.public_url}/slack/install.",
        )
    if not live:
        return f"nobody has installed the app yet: that is done at {settings.public_url}/slack/install"
    return f"{count(len(live), 'installation')}, with tokens that Slack takes"


async def check_ops_channel(settings: Settings, db: Database) -> str:
    """Return that the operator's channel can be told how all mailers are.

    Raises:
        BotError: the app is not in its workspace or in it, or another company reads along.
    """
    place, token = settings.ops_channel, settings.slack_bot_token
    if place is None:
        return "none"
    if settings.by_oauth and (not db.path or db.path.exists()) and await db.is_current():
        keys = load_keys(settings.mailroom_keys, db.path)
        access = await Installations(db, keys).find(place.workspace)
        token = access.token if access else token
    try:
        client = web_client(settings, token)
        here = str((await client.auth_test())["team_id"])
        channel = (await client.conversations_info(channel=place.channel_id))["channel"]
    except SlackApiError as error:
        raise BotError(
            SlackCode.OPS_CHANNEL,
            f"Slack does not show MAILROOM_OPS_CHANNEL ({code_of(error)}).",
            "Install the app in its workspace, and invite it to the channel.",
        ) from error
    if here != place.workspace and not settings.by_oauth:
        raise BotError(
            SlackCode.OPS_CHANNEL,
            "MAILROOM_OPS_CHANNEL is of another workspace than SLACK_BOT_TOKEN.",
            "Name a channel of that one.",
        )
    refuse_shared(shared=bool(channel.get("is_ext_shared")))
    if channel.get("is_archived") or not channel.get("is_member"):
        raise BotError(
            SlackCode.OPS_CHANNEL,
            "Mailroom cannot speak in MAILROOM_OPS_CHANNEL: it is archived, or the bot is not in it.",
            "Type /invite @Mailroom there: what is open is said then.",
        )
    return "a private channel" if channel.get("is_private") else f"#{channel['name']}"


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


async def check_clock(client: AsyncWebClient, now: Callable[[], datetime]) -> str:
    """Return that this machine's clock is right, by the Date of an answer of Slack's (RFC 9110, section 6.6.1).

    Raises:
        BotError: it is more than a minute off.
    """
    try:
        answer: Any = await client.auth_test()
    except SlackApiError as error:
        answer = error.response
    said = answer.headers.get("date")
    if not said:
        return "Slack's answer has no date to hold it against"
    ahead = now() - parsedate_to_datetime(said)
    if abs(ahead) > CLOCKS_DIFFER:
        raise BotError(
            SlackCode.CLOCK,
            f"This machine's clock is {duration(abs(ahead).total_seconds())} "
            f"{'ahead of' if ahead > timedelta() else 'behind'} Slack's.",
            "Have it set by NTP: five minutes off, Slack's clicks and calls to AWS are refused.",
        )
    return "right to a minute, by Slack's"

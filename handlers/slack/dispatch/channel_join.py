"""The first use in a channel: what Slack says it is, and the bot in it."""

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from bot.teams.directory import Channel
from handlers.slack.api_errors import code_of
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.interaction import Interaction


async def join_channel(client: AsyncWebClient, at: Interaction) -> Channel:
    """Return the channel, with the bot in it.

    Its name comes from `conversations.info`: a command's `channel_name` is "privategroup" in private channels.

    Raises:
        BotError: for direct messages, and where the bot has to be invited.
    """
    if at.channel_id.startswith("D"):
        raise _direct()
    try:
        channel = (await client.conversations_info(channel=at.channel_id))["channel"]
    except SlackApiError as error:
        code = code_of(error)
        if code == "channel_not_found":
            raise BotError(SlackCode.NOT_IN_CHANNEL) from error
        if code in {"missing_scope", "method_not_supported_for_channel_type"}:  # of a group of people, say
            raise _direct() from error
        raise
    if channel.get("is_im") or channel.get("is_mpim"):
        raise _direct()
    if not channel.get("is_member"):
        if channel.get("is_private"):
            raise BotError(SlackCode.NOT_IN_CHANNEL)
        await client.conversations_join(channel=at.channel_id)
    return Channel(
        workspace=at.workspace,
        enterprise=at.enterprise,
        channel_id=at.channel_id,
        name=channel["name"],
        private=bool(channel.get("is_private")),
        shared=bool(channel.get("is_ext_shared")),
    )


def _direct() -> BotError:
    return BotError(
        SlackCode.DIRECT_MESSAGE,
    )

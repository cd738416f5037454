"""Whether those who made the API tokens are team admins still."""

import logging

from bot.api.tokens import ApiTokens
from handlers.slack.api_errors import FAILURES, code_of
from handlers.slack.approvers import Approvers
from handlers.slack.workspaces import Clients

log = logging.getLogger(__name__)


async def watch_tokens(tokens: ApiTokens, people: Approvers, clients: Clients) -> None:
    """Tell the admins of tokens whose maker left or is no admin any more; such a token goes on working."""
    for token, team in await tokens.working():
        if not team.reachable:
            continue
        try:
            client = await clients(team.slack_team_id)
            if await people.is_admin(client, team, token.created_by):
                continue
            admins = await people.admins(client, team)
        except FAILURES as error:
            log.warning("Slack does not say who made a token: %s", code_of(error))
            continue
        await tokens.maker_is_gone(token, [who for who in admins if who != token.created_by])

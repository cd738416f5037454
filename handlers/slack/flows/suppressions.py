"""`/mailer suppress`: suppresses an address by hand."""

from bot.email_addresses import parse_address
from bot.suppression.suppression_list import Suppressions
from handlers.slack.dispatch.authorization import Permission
from handlers.slack.dispatch.registration import Call, Subcommand
from handlers.slack.text import esc
from handlers.slack.views.blocks import Reply, text_message


class SuppressionFlow:
    def __init__(self, suppressions: Suppressions) -> None:
        self._suppressions = suppressions

    def words(self) -> list[Subcommand]:
        return [
            Subcommand(
                "suppress",
                "never mail an address again, as in: /mailer suppress ann@example.com",
                Permission.ADMINISTER,
                self.suppress,
            )
        ]

    async def suppress(self, call: Call) -> Reply:
        address = parse_address(" ".join(call.at.words[1:]))
        new = await self._suppressions.add(call.team, address, call.at.user_id)
        if not new:
            return text_message(f":information_source: {esc(address)} was suppressed already.")
        return text_message(f":white_check_mark: {esc(address)} is never mailed again from this channel.")

"""*See it*: the link to the page, or where the file went."""

from datetime import timedelta

from slack_sdk.models.views import View

from bot.wording import duration
from handlers.slack.views.blocks import context, page, section

TITLE = "See it"


def preview_link_page(url: str, lives: timedelta) -> View:
    return page(
        TITLE,
        [
            section(f":eyes: <{url}|Open the mail in a browser>"),
            context(
                f"The link works for {duration(lives.total_seconds())}, for anyone who has it: it shows the "
                "recipients' addresses and what the file says of them."
            ),
        ],
    )

"""The saved audiences of a channel."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.broadcast.audience.saved import NAME_LIMIT
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import esc, mention, when
from handlers.slack.views.blocks import button, confirm, context, page, section
from storage.models import Audience

TITLE = "Saved audiences"


def saved_audiences_page(team_id: str, saved: Sequence[Audience]) -> View:
    how = (
        "`/broadcast` offers them, and saves an upload where it is given a name; a name that is taken goes over to it."
    )
    if not saved:
        return page(TITLE, [section("Nothing is saved yet."), context(how)])
    return page(TITLE, [*(_entry(team_id, audience) for audience in saved), context(how)])


def _entry(team_id: str, audience: Audience) -> Block:
    size, fields = count(audience.size, "address", "addresses"), ", ".join(audience.columns)
    asked = "Broadcasts that were confirmed with it keep their recipients."
    return section(
        f"*{esc(audience.name, NAME_LIMIT)}*\n{size}, saved by {mention(audience.created_by)} on "
        f"{when(audience.created_at)}\nFields: {esc(fields, 300)}",
        accessory=button(
            ids.Button.REMOVE_AUDIENCE,
            "Remove",
            ids.Ref(team_id, audience.id),
            style="danger",
            confirm=confirm(f"Remove “{audience.name}”?", asked, "Remove"),
        ),
    )

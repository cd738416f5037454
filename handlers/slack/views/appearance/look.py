"""How a team's mails look: a line of the settings, and the form behind its button."""

from slack_sdk.models.blocks import Block
from slack_sdk.models.blocks.block_elements import FileInputElement
from slack_sdk.models.views import View

from bot.broadcast.content.look import Look
from bot.teams.looks import FOOTER_WORDS_LIMIT, mark_of
from handlers.slack import ids
from handlers.slack.text import esc
from handlers.slack.views.blocks import boxes, field, form, labelled, page, radio, section
from storage import HeadingFont

LOOK_TITLE = "Look"
_FONTS = {
    HeadingFont.SYSTEM: "System: the reader's own",
    HeadingFont.SERIF: "Serif: Georgia, or what is like it",
}


def look_in_words(look: Look) -> str:
    """Say how mails look: Look: no logo, heading font system."""
    parts = [f"logo {esc(look.logo['name'], 60)}" if look.logo else "no logo"]
    parts += [f"colour {look.colour}"] if look.colour else []
    parts.append(f"heading font {look.heading_font}")
    return f"Look: {', '.join(parts)}{', with words at the foot' if look.footer_words else ''}."


def look_form(team_id: str, now: Look, typed: Look | None = None, *, notice: str = "") -> View:
    """Ask for it; `typed` is what somebody typed before, whatever is stored `now`."""
    shown = typed or now
    return form(
        ids.Form.LOOK,
        LOOK_TITLE,
        [
            *_kept(now),
            labelled(
                ids.Input.LOGO,
                "Logo",
                FileInputElement(action_id=ids.Input.LOGO, filetypes=["png", "jpg", "jpeg", "gif"], max_files=1),
                hint="PNG, JPEG or GIF. Shown above each message, at most 200 pixels wide and 80 high.",
                optional=True,
            ),
            field(
                ids.Input.COLOUR,
                "Colour",
                initial=shown.colour,
                placeholder="#14532d",
                hint="For links, headings and a line above; where it would be too faint to read, a darker shade of it.",
                optional=True,
                max_length=50,
            ),
            radio(
                ids.Input.HEADING_FONT,
                "Heading font",
                _FONTS,
                shown.heading_font,
                hint="For the headings of a canvas.",
            ),
            field(
                ids.Input.FOOTER_WORDS,
                "Footer words",
                initial=shown.footer_words,
                hint="At the foot of every mail, above the postal address.",
                multiline=True,
                optional=True,
                max_length=FOOTER_WORDS_LIMIT,
            ),
        ],
        submit="Save",
        ref=ids.Ref(team_id, version=mark_of(now)),
        notice=notice,
    )


def look_saved_page(look: Look) -> View:
    return page(
        LOOK_TITLE,
        [
            section(
                f":white_check_mark: Saved. {look_in_words(look)} Each broadcast that is checked from now on has it: "
                "*Mail me one* and *See it* there show how. What waits for approval or is scheduled stays as it is. An "
                "HTML file keeps a look of its own."
            )
        ],
    )


def _kept(now: Look) -> list[Block]:
    if now.logo is None:
        return []
    keep = {"keep": f"Keep {now.logo['name']}"}
    hint = "A file below takes its place."
    return [boxes(ids.Input.KEEP_LOGO, "Logo now", keep, keep, hint=hint, optional=True)]

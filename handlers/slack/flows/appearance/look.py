"""*Look* in the settings: a team's logo, colour, heading font and footer words."""

from contextlib import closing
from dataclasses import replace

from slack_sdk.models.views import View

from bot.broadcast.content.look import Look
from bot.teams.looks import TeamLooks, import_logo
from bot.teams.settings import ChangedMeanwhileError
from handlers.slack import ids
from handlers.slack.dispatch.interaction import Values
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.file_transfer import LOGO, Files
from handlers.slack.views.appearance import look as views
from handlers.slack.views.blocks import Modal, Reply
from storage import HeadingFont


class LookFlow:
    def __init__(self, looks: TeamLooks, files: Files) -> None:
        self._looks = looks
        self._files = files

    def listeners(self) -> list[Listener | Form]:
        admin = Permission.ADMINISTER
        return [
            Listener(ids.Button.EDIT_LOOK, admin, self.open),
            Form(ids.Form.LOOK, admin, self.save, "Saving…", self.redraw),
        ]

    async def open(self, request: Request) -> Reply:
        """Open the form above the settings, where what is typed stays."""
        return Modal(
            views.look_form(request.team.id, await self._looks.of(request.team)), above=bool(request.at.view_id)
        )

    async def redraw(self, request: Request, notice: str) -> View:
        again = " Choose the file again: Slack does not keep it." if request.values.files(ids.Input.LOGO) else ""
        now = await self._looks.of(request.team)
        return views.look_form(request.team.id, now, _typed(request.values, now), notice=notice + again)

    async def save(self, request: Request) -> Reply:
        now = await self._looks.of(request.team)
        look = _typed(request.values, now)
        for given in request.values.files(ids.Input.LOGO):
            file = await self._files.uploaded(request.client, str(given["id"]), request.user_id, LOGO)
            with closing(file.content):
                alt = request.team.from_name or file.alt_text or "Logo"
                look = replace(look, logo=await import_logo(file.content.read(), file.name, alt))
        try:
            saved = await self._looks.save(request.team, look, request.ref.version, request.user_id)
        except ChangedMeanwhileError as error:
            return Modal(views.look_form(request.team.id, await self._looks.of(request.team), notice=error.text))
        return Modal(views.look_saved_page(saved), otherwise="The look was saved.")


def _typed(values: Values, now: Look) -> Look:
    keeps = ids.Input.KEEP_LOGO not in values or values.ticked(ids.Input.KEEP_LOGO)
    return Look(
        logo=now.logo if keeps else None,
        colour=values.text(ids.Input.COLOUR),
        heading_font=HeadingFont(values.choice(ids.Input.HEADING_FONT) or HeadingFont.SYSTEM),
        footer_words=values.text(ids.Input.FOOTER_WORDS),
    )

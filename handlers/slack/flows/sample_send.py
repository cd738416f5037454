"""`/broadcast test`: mail to a few addresses typed by hand."""

from collections.abc import Sequence
from dataclasses import replace

from slack_sdk.models.views import View

from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.content.images import Image
from bot.email_addresses import parse_addresses
from bot.mailer.readiness.overview import Overviews
from bot.mailer.readiness.rules import Blocker
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request, Subcommand
from handlers.slack.flows.compose import (
    Composer,
    check_editor,
    hint,
    images_picked,
    kept_images,
    to_begin_with,
    typed,
)
from handlers.slack.views import compose as views
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.mailer.status_card import not_ready_message

_ONLY_BROADCASTS = {Blocker.SANDBOX, Blocker.IN_REVIEW, Blocker.DENIED}


class SendTestFlow:
    def __init__(self, *, composer: Composer, overviews: Overviews, broadcasts: Broadcasts) -> None:
        self._composer = composer
        self._overviews = overviews
        self._broadcasts = broadcasts

    def words(self) -> list[Subcommand]:
        return [
            Subcommand("test", "send a test to a few addresses", Permission.SEND, self.open, opens=views.TEST_TITLE),
        ]

    def listeners(self) -> list[Listener | Form]:
        return [
            Listener(ids.Button.SEND_TEST, Permission.SEND, self.open, opens=views.TEST_TITLE),
            Form(ids.Form.SEND_TEST, Permission.SEND, self.send, "Handing it over…", self.redraw),
        ]

    async def open(self, request: Request) -> Reply:
        """Open the form; from the one in which a broadcast is written, above it and with what is typed there."""
        if ids.Input.MESSAGE in request.values:
            ref = request.ref if request.ref.version else ids.Ref(request.team.id)
            return Modal(await self._form(request, ref, to=""), above=True)
        overview = await self._composer.fresh_overview(request)
        if set(overview.answer.blockers) - _ONLY_BROADCASTS:
            return not_ready_message(overview, "tests")
        draft = await self._composer.starting_point(request)
        return Modal(views.write_test_form(ids.Ref(request.team.id), draft, to="", hint=hint(overview)))

    async def redraw(self, request: Request, notice: str) -> View:
        return await self._form(request, request.ref, to=request.values.text(ids.Input.TO), notice=notice)

    async def _form(self, request: Request, ref: ids.Ref, *, to: str, notice: str = "") -> View:
        """Draw the form with what is typed; AWS is not asked."""
        overview = await self._overviews.get(request.team)
        draft = await to_begin_with(request, typed(request.values))
        draft = replace(draft, images=kept_images(request, await self._images(request, ref)))
        images = images_picked(request.values)
        return views.write_test_form(ref, draft, to=to, hint=hint(overview), images=images, notice=notice)

    async def _images(self, request: Request, ref: ids.Ref) -> Sequence[Image]:
        """Return the images of the draft that the test is of; none where it is of no draft yet."""
        if not ref.version:
            return ()
        draft = await self._broadcasts.get(request.team, ref.record_id)
        check_editor(request, draft)
        return draft.images

    async def send(self, request: Request) -> Reply:
        addresses = parse_addresses(request.values.text(ids.Input.TO), field=ids.Input.TO)
        draft = await self._composer.to_send(request, await self._images(request, request.ref))
        await self._broadcasts.prepare_test(request.team, request.user_id, draft, addresses)
        return Modal(views.test_sent_page(len(addresses)), otherwise="The test is on its way.")

"""What writing a test and writing a broadcast share: whether one may, what was typed, the form, the file."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from slack_sdk.models.views import View

from bot.broadcast.audience.header_detection import Choice
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.audience.selection.selection import Selection
from bot.broadcast.broadcasts import Broadcasts, Draft, Upload
from bot.broadcast.content.html_body import SAME_PAGE, is_html
from bot.broadcast.content.html_import import Page, import_page
from bot.broadcast.content.images import MOST, Image, chosen_images, free_name, images_of_body, import_image, joined
from bot.broadcast.content.remote_images import FetchImage
from bot.broadcast.drafts import is_editor
from bot.errors import BotError
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.readiness.facts import usable
from bot.mailer.readiness.overview import Overview, Overviews
from bot.mailer.readiness.rules import Blocker
from bot.wording import count
from handlers.slack import ids
from handlers.slack.canvases import SlackCanvases
from handlers.slack.codes import SlackCode
from handlers.slack.content.emoji import with_emoji
from handlers.slack.dispatch.interaction import Values
from handlers.slack.dispatch.registration import Request
from handlers.slack.file_transfer import HTML, IMAGES, Download, Files
from handlers.slack.flows.selection.chosen import ChosenSelections, lost_names, picked
from handlers.slack.mentions import with_known_names, with_names
from handlers.slack.views import compose as views
from handlers.slack.views.content import ContentChoice
from storage import Broadcast, BroadcastState, new_id

READING = "Reading the audience…"
NAMES_IN_HINT = 5
FIRST = Choice(can_ask=True)  # how a file is read before somebody has seen what comes of it
NOTHING_CHOSEN = views.Recipients()


class Composer:
    """Whether the team may write, and the form in which it does; `monitor` reads facts again that are too old."""

    def __init__(
        self,
        *,
        overviews: Overviews,
        monitor: Monitor,
        audiences: Audiences,
        broadcasts: Broadcasts,
        canvases: SlackCanvases,
        files: Files,
        fetch_image: FetchImage,
        selections: ChosenSelections,
    ) -> None:
        self._overviews = overviews
        self._monitor = monitor
        self._audiences = audiences
        self._broadcasts = broadcasts
        self._canvases = canvases
        self._files = files
        self._fetch_image = fetch_image
        self.selections = selections

    async def fresh_overview(self, request: Request) -> Overview:
        """Return how the team stands, read again from AWS where the facts are too old to send on."""
        overview = await self._overviews.get(request.team)
        if overview.mailer is not None and Blocker.FACTS_STALE in overview.answer.blockers:
            await self._monitor.refresh(overview.mailer)
            overview = await self._overviews.get(request.team)
        return overview

    async def starting_point(self, request: Request) -> Draft:
        """Return an empty draft, from the address used last."""
        sender, reply_to = await self._broadcasts.last_sender(request.team)
        return Draft(from_address=sender, reply_to=reply_to or request.team.reply_to, subject="", preheader="", body={})

    async def form(
        self,
        request: Request,
        draft: Draft,
        chosen: views.Recipients = NOTHING_CHOSEN,
        *,
        notice: str = "",
        edits: ids.Ref | None = None,
    ) -> View:
        """Draw the form in which a broadcast is written, or a draft is edited; AWS is not asked."""
        ref = edits or ids.Ref(request.team.id, chosen.held.id if chosen.held else "")
        saved, chosen = await self._audiences.saved(request.team), await self.selections.renewed(request, chosen)
        return views.write_broadcast_form(
            replace(ref, form_id=request.ref.form_id or new_id()),
            await to_begin_with(request, draft),
            hint=hint(await self._overviews.get(request.team)),
            saved=saved,
            chosen=chosen,
            selection=await self.selections.choices(request, chosen, draft.selection, saved),
            notice=notice,
            edits=edits is not None,
        )

    async def lost(self, request: Request, selection: Selection) -> str:
        """Say what a draft selects by that is not there any more."""
        if not selection:
            return ""
        sent = await self.selections.open_forms.broadcasts(request.team, selection.leaves_out_got)
        return lost_names(selection, await self._audiences.saved(request.team), sent)

    async def new_canvas(self, request: Request) -> str:
        """Make a canvas for the channel, and return the link to it.

        Raises:
            BotError: as `SlackCanvases.create`.
        """
        return await self._canvases.create(request)

    async def to_send(self, request: Request, has: Sequence[Image] = ()) -> Draft:
        """Return what was typed, what the canvas says now, or the HTML file that was chosen.

        With its images: new ones, and those kept that it `has`.

        Raises:
            BotError: about the canvas, a file, or a mention.
        """
        draft = await named(request)
        page = await self._page(request, draft.body, has)
        came = {image["name"] for image in page.images}
        picked = joined(kept_images(request, has), await self._added(request))
        images = [*(image for image in picked if image["name"] not in came), *page.images]
        return replace(draft, body=page.body, images=images)

    async def _page(self, request: Request, body: Mapping[str, Any], has: Sequence[Image]) -> Page:
        """Return the body with the images that come with it."""
        if "canvas" in body:
            return await self._canvases.page(request, body["canvas"])
        if given := request.values.files(ids.Input.HTML):
            file = await self._files.uploaded(request.client, str(given[0]["id"]), request.user_id, HTML)
            with closing(file.content):
                return await import_page(file.content.read(), file.name, self._fetch_image)
        if is_html(body):
            return Page(dict(body), [dict(image) for image in images_of_body(has)])
        return Page(*await with_emoji(request.client, body, has, self._fetch_image))

    async def _added(self, request: Request) -> list[dict[str, Any]]:
        """Return the images that were chosen in the form, and those of the message whose menu it was opened from."""
        by, channel, values = request.user_id, request.team.channel_id, request.values
        added: list[dict[str, Any]] = []
        for file_id in values.ticks(ids.Input.MESSAGE_IMAGES):
            file = await self._files.again(request.client, file_id, by, channel, IMAGES)
            added.append(await _image_of(file, added))
        for given in values.files(ids.Input.IMAGES):
            file = await self._files.uploaded(request.client, str(given["id"]), by, IMAGES)
            added.append(await _image_of(file, added))
        return added


async def _image_of(file: Download, others: Sequence[Image]) -> dict[str, Any]:
    """Make an image of a file, called as no other is."""
    with closing(file.content):
        image = await import_image(file.content.read(), file.name, file.alt_text)
    return {**image, "name": free_name(image["name"], (each["name"] for each in others))}


def hint(overview: Overview) -> str:
    """Name what one may send from."""
    facts = overview.answer.facts
    names = usable(facts.identities) if facts else ()
    shown = [name if "@" in name else f"any address at {name}" for name in names[:NAMES_IN_HINT]]
    return f"Verified: {', '.join(shown)}" if shown else "Nothing is verified."


def chosen_in(request: Request) -> views.Recipients:
    """Return what is chosen in the form beside the text."""
    chosen = views.Recipients(
        saved_id=request.values.choice(ids.Input.SAVED_AUDIENCE),
        written=request.values.rich_text(ids.Input.MESSAGE),
        save_as=request.values.text(ids.Input.SAVE_AS),
        send_at=request.values.time(ids.Input.SEND_AT),
        images=images_picked(request.values),
    )
    return picked(request, chosen)


def images_picked(values: Values) -> dict[str, str]:
    """Return the files of Slack that are to be images of the mail, by id, for a form that is drawn after this one."""
    given = {str(file["id"]): str(file.get("name") or file["id"]) for file in values.files(ids.Input.IMAGES)}
    return dict([*(values.labels(ids.Input.MESSAGE_IMAGES) | given).items()][:MOST])


def upload_of(request: Request, file: Download, choice: Choice = FIRST) -> Upload:
    """Return a file as an audience to read; the person who waits sees the progress."""

    async def tell(rows: int) -> None:
        await request.waiting.tell(f"{READING} {count(rows, 'row')} so far.")

    return Upload(file.content, file.name, file.id, choice, tell)


def typed(values: Values) -> Draft:
    match values.choice(ids.Input.CONTENT):
        case ContentChoice.HTML:
            body: Mapping[str, Any] = SAME_PAGE
        case ContentChoice.CANVAS:
            body = {**SAME_PAGE, "canvas": values.text(ids.Input.CANVAS)}
        case _:
            body = values.rich_text(ids.Input.MESSAGE)
    return Draft(
        from_address=values.text(ids.Input.FROM),
        reply_to=values.text(ids.Input.REPLY_TO),
        subject=values.text(ids.Input.SUBJECT),
        preheader=values.text(ids.Input.PREHEADER),
        body=body,
    )


def lost_files(values: Values) -> str:
    """Say what has to be chosen again in a form that is drawn a second time; images need not."""
    match sum(len(values.files(name)) for name in (ids.Input.HTML, ids.Input.AUDIENCE)):
        case 0:
            return ""
        case 1:
            return " Choose the file again: Slack does not keep it."
    return " Choose your files again: Slack does not keep them."


def kept_images(request: Request, has: Sequence[Image]) -> list[Image]:
    """Return those chosen for a draft that stay ticked in the form; a form without the field keeps all."""
    names = request.values.ticks(ids.Input.KEPT_IMAGES)
    return [
        image for image in chosen_images(has) if ids.Input.KEPT_IMAGES not in request.values or image["name"] in names
    ]


async def named(request: Request) -> Draft:
    """Return what was typed, with the names of the people it mentions: mail has no ids."""
    draft = typed(request.values)
    if is_html(draft.body):
        return draft
    return replace(draft, body=await with_names(request.client, draft.body, request.team.channel_id))


async def to_begin_with(request: Request, draft: Draft) -> Draft:
    """Return a draft for a form to begin with."""
    return replace(draft, body=await with_known_names(request.client, draft.body, request.team.channel_id))


def check_editor(request: Request, draft: Broadcast) -> None:
    """Raise BotError NOT_ALLOWED where it is somebody else's draft, of which the channel knows nothing."""
    if draft.state is BroadcastState.DRAFT and not is_editor(draft, request.user_id):
        raise BotError(
            SlackCode.NOT_ALLOWED, "This draft is somebody else's.", "Ask them to send it, or to let you have the text."
        )

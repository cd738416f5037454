"""*Only those where*: a form on top of the one in which a broadcast is written, which shows what was applied."""

import contextlib
import re
from collections.abc import Sequence

from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.revisions.columns import ADDRESS
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.audience.selection.filter import MOST_LINES, Condition, Filter, Match, Operator
from bot.broadcast.audience.selection.open_forms import OpenForms
from bot.broadcast.audience.selection.selection import Selection
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.drafts import Drafts
from bot.errors import BotError, require
from handlers.slack import ids
from handlers.slack.api_errors import FAILURES
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.interaction import Values
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.flows.compose import check_editor
from handlers.slack.flows.selection.chosen import ChosenSelections
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.selection.fields import with_filter
from handlers.slack.views.selection.filter_form import FILTER_TITLE, filter_form
from storage import Audience, Broadcast

_PLACE = re.compile(r"where\.\w+\.(\d+)\.(\w+)")
_PARTS = {"column": "column", "op": "operator", "value": "value"}


class FilterFlow:
    def __init__(
        self,
        *,
        selections: ChosenSelections,
        open_forms: OpenForms,
        audiences: Audiences,
        broadcasts: Broadcasts,
        drafts: Drafts,
    ) -> None:
        self._selections = selections
        self._open_forms = open_forms
        self._audiences = audiences
        self._broadcasts = broadcasts
        self._drafts = drafts

    def listeners(self) -> list[Listener | Form]:
        return [
            Listener(ids.Button.ONLY_WHERE, Permission.SEND, self.open, opens=FILTER_TITLE),
            Form(ids.Form.FILTER, Permission.SEND, self.apply, "One moment…"),
        ]

    async def open(self, request: Request) -> Reply:
        """Open the form with the filter as it is, and a menu of the columns where they are known."""
        if not request.ref.form_id:
            raise BotError(SlackCode.FORM_GONE)
        draft = await self._draft(request)
        before = Selection.from_json(draft.selection).where if draft else None
        where = await self._selections.where(request, before)
        audience = await self._audience(request, draft)
        columns = audience.columns if audience else ()
        await self._open_forms.begin(
            request.team, request.user_id, request.ref.form_id, where=where, columns=columns, view=request.at.view
        )
        return Modal(filter_form(request.ref, where, columns), above=True)

    async def apply(self, request: Request) -> Reply:
        """Keep the filter for the form below, and show it there; what is typed there stays."""
        team, by, form_id = request.team, request.user_id, request.ref.form_id
        form = require(await self._open_forms.get(team, by, form_id), SlackCode.FORM_GONE)
        where = filter_in(request.values, form.columns)
        await self._open_forms.choose(team, by, form_id, where)
        below = with_filter(form.view, request.ref, where)
        with contextlib.suppress(*FAILURES):  # closed meanwhile
            await request.client.views_update(view_id=str(request.at.view.get("previous_view_id") or ""), view=below)
        return None

    async def _draft(self, request: Request) -> Broadcast | None:
        """Return the draft that the form below edits; None: it writes a new one."""
        if not request.ref.version:
            return None
        draft = await self._broadcasts.get(request.team, request.ref.record_id)
        check_editor(request, draft)
        return draft

    async def _audience(self, request: Request, draft: Broadcast | None) -> Audience | None:
        """Return the audience that is chosen in the form below; None: none is, or it is a file that is not read yet."""
        values, ref = request.values, request.ref
        if values.files(ids.Input.AUDIENCE):
            return None
        if saved_id := values.choice(ids.Input.SAVED_AUDIENCE):
            return await self._audiences.renewed(request.team, saved_id)
        if ids.Input.AUDIENCE in values:
            return None
        if draft is not None:
            return await self._drafts.audience(request.team, draft)
        return await self._audiences.held(request.team, ref.record_id, request.user_id) if ref.record_id else None


def filter_in(values: Values, columns: Sequence[str] = ()) -> Filter | None:
    """Return what is typed; None: nothing is.

    Raises:
        BotError: UNKNOWN_COLUMN or FILTER_VALUE, for the field that it is about.
    """
    lines: dict[int, Condition] = {}
    for number in range(1, MOST_LINES + 1):
        names = [ids.Input(f"{part}_{number}") for part in _PARTS.values()]
        column, op = (values.choice(name) or values.text(name) for name in names[:2])
        value = values.text(names[2])
        if not column and (op or value):
            raise BotError(AudienceCode.UNKNOWN_COLUMN, "Say in which column.", field=names[0])
        if column and not op:
            raise BotError(AudienceCode.FILTER_VALUE, "Say how it is compared.", field=names[1])
        if column:
            lines[number] = Condition(column, Operator(op), value)
    if not lines:
        return None
    where = Filter(Match(values.choice(ids.Input.MATCH) or Match.ALL), tuple(lines.values()))
    try:
        if columns:
            where.for_columns(columns, ADDRESS if ADDRESS in columns else columns[0])
        return where.check()
    except BotError as error:
        if place := _PLACE.fullmatch(error.field):
            error.field = f"{_PARTS[place[2]]}_{[*lines][int(place[1])]}"
        raise

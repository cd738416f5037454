"""Who of an audience gets a broadcast, as it is chosen in the form in which that is written."""

from collections.abc import Sequence
from dataclasses import replace

from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.saved import Audiences, is_called
from bot.broadcast.audience.selection.filter import Filter
from bot.broadcast.audience.selection.open_forms import OpenForms
from bot.broadcast.audience.selection.selection import NOTHING_SELECTED, Selection
from bot.errors import BotError
from bot.wording import count
from handlers.slack import ids
from handlers.slack.dispatch.registration import Request
from handlers.slack.views.compose import Recipients
from handlers.slack.views.selection.fields import SelectionChoices
from storage import Audience, Broadcast


class ChosenSelections:
    def __init__(self, audiences: Audiences, open_forms: OpenForms) -> None:
        self._audiences = audiences
        self.open_forms = open_forms

    async def where(self, request: Request, before: Filter | None) -> Filter | None:
        """Return the filter of the form, which is the draft's until another is applied."""
        form_id = request.ref.form_id
        row = await self.open_forms.get(request.team, request.user_id, form_id) if form_id else None
        if row is None:
            return before
        return Filter.from_json(row.chosen) if row.chosen else None

    async def renewed(self, request: Request, chosen: Recipients) -> Recipients:
        """Return what is chosen in a form with the saved audiences as they are now: its menus offer no others."""

        async def now(picked: Sequence[str] | None) -> list[str] | None:
            if picked is None:
                return None
            found = [await self._audiences.renewed(request.team, each) for each in picked]
            return [audience.id for audience in found if audience]

        saved = await now([chosen.saved_id] if chosen.saved_id else [])
        return replace(
            chosen,
            saved_id=saved[0] if saved else "",
            also=await now(chosen.also),
            leaves_out=await now(chosen.leaves_out),
        )

    async def choices(
        self, request: Request, chosen: Recipients, selection: Selection, saved: Sequence[Audience]
    ) -> SelectionChoices:
        """Return what a form shows: what is chosen in it, or else what the draft has."""

        def ids_of(picked: Sequence[str] | None, names: Sequence[str]) -> Sequence[str]:
            if picked is not None:
                return picked
            return [audience.id for audience in saved if any(is_called(audience, name) for name in names)]

        got = chosen.leaves_out_got
        got = selection.leaves_out_got if got is None else got
        return SelectionChoices(
            where=await self.where(request, selection.where),
            also=ids_of(chosen.also, selection.also),
            leaves_out=ids_of(chosen.leaves_out, selection.leaves_out),
            leaves_out_got=got,
            saved=saved,
            sent=await self.open_forms.broadcasts(request.team, got),
        )

    async def chosen(self, request: Request, before: Selection = NOTHING_SELECTED) -> Selection:
        """Return what is chosen in a form; `before` is what its draft has, for fields that are not in it.

        Raises:
            BotError: AUDIENCE_UNKNOWN, for the field `also` or `except`.
        """
        got = (
            request.values.ticks(ids.Input.EXCEPT_GOT)
            if ids.Input.EXCEPT_GOT in request.values
            else before.leaves_out_got
        )
        return Selection(
            where=await self.where(request, before.where),
            also=await self._names(request, ids.Input.ALSO, before.also),
            leaves_out=await self._names(request, ids.Input.EXCEPT, before.leaves_out),
            leaves_out_got=tuple(got),
        )

    async def _names(self, request: Request, name: ids.Input, before: Sequence[str]) -> tuple[str, ...]:
        if name not in request.values:  # there is no saved audience, so that none of these is one any more
            return ()
        found = [await self._audiences.renewed(request.team, each) for each in request.values.ticks(name)]
        names = [audience.name for audience in found if audience is not None]
        if len(names) < len(found):
            raise BotError(
                AudienceCode.AUDIENCE_UNKNOWN, "One of these saved audiences is no longer there.", field=name
            )
        kept = [each for each in before if any(audience and is_called(audience, each) for audience in found)]
        return tuple(kept) if len(kept) == len(names) else tuple(names)


def lost_names(selection: Selection, saved: Sequence[Audience], sent: Sequence[Broadcast]) -> str:
    """Say what a draft selects by that is not there any more: saved audiences, and who got broadcasts."""
    names = dict.fromkeys([*selection.also, *selection.leaves_out])
    lost = [f"“{name}”" for name in names if not any(is_called(audience, name) for audience in saved)]
    said = [f"No longer there, and taken out of Also and Except: {', '.join(lost)}."] if lost else []
    if forgotten := len({*selection.leaves_out_got} - {broadcast.id for broadcast in sent}):
        gone = count(forgotten, "broadcast", "broadcasts")
        said.append(f"Taken out of Except who got: {gone} whose recipients are not kept any more.")
    return " ".join(said)


def picked(request: Request, chosen: Recipients) -> Recipients:
    """Add what is chosen in the menus of a form to what is chosen beside its text."""

    def ticks(name: ids.Input) -> list[str] | None:
        return request.values.ticks(name) if name in request.values else None

    return replace(
        chosen,
        also=ticks(ids.Input.ALSO),
        leaves_out=ticks(ids.Input.EXCEPT),
        leaves_out_got=ticks(ids.Input.EXCEPT_GOT),
    )

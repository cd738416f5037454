"""The rows of an audience with some members added, changed or removed: the others stay, in their order."""

from collections.abc import Iterable, Iterator, Sequence

from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.csv_reader import CsvRecipient, Limits, Rejected
from bot.broadcast.audience.revisions.changes import Change, Changes
from bot.broadcast.audience.revisions.columns import ADDRESS, address_place, columns_of, free_name
from bot.broadcast.audience.revisions.comparison import Counts
from bot.broadcast.audience.revisions.members import StoredMember
from bot.broadcast.audience.text_decoding import upload_error
from bot.email_addresses import address_key
from storage import Audience


class Merging:
    """Counts what it changes as the rows pass.

    Raises:
        BotError: AUDIENCE_TOO_MANY_COLUMNS.

    Args:
        base: what is changed.
        given: the columns of the changes, by their names for programs.
    """

    def __init__(self, base: Audience, given: Sequence[str], changes: Changes) -> None:
        self.counts = Counts()
        self.columns = [*base.columns]
        self._changes = changes
        known = columns_of(base)
        places: list[int] = []
        for name in given:
            if name not in known and name != ADDRESS:
                known.append(name)
                self.columns.append(free_name(name, self.columns))
            places.append(known.index(name) if name in known else -1)
        if len(self.columns) > (most := Limits().kept):
            raise upload_error(
                AudienceCode.AUDIENCE_TOO_MANY_COLUMNS,
                f"It would have {len(self.columns):,} columns: {most} are the most.",
            )
        self._address_at = address_place(base)
        self._given = [(at, place) for at, place in enumerate(places) if given[at] != ADDRESS]
        self._width = len(self.columns)

    def rows(
        self, base: Iterable[Sequence[StoredMember]], rejected: Iterable[Rejected]
    ) -> Iterator[CsvRecipient | Rejected]:
        """Yield what is to be stored."""
        yield from rejected
        take = self._changes.take
        for members in base:
            for member in members:
                change = take(address_key(member.address))
                if change is None:
                    yield CsvRecipient(member.line, member.address, self._widened(member.values))
                elif change.values is None:
                    self.counts.removed += 1
                else:
                    yield self._changed(member, change)
        for change in self._changes.rest():
            if change.values is None:
                self.counts.unchanged += 1
            else:
                self.counts.added += 1
                yield CsvRecipient(change.line, change.address, self._filled([""] * self._width, change))

    def _changed(self, member: StoredMember, change: Change) -> CsvRecipient:
        old = self._widened(member.values)
        values = self._filled([*old], change)
        if self._address_at >= 0:
            values[self._address_at] = old[self._address_at]
        if values == old:
            self.counts.unchanged += 1
        else:
            self.counts.changed += 1
        return CsvRecipient(member.line, member.address, values)

    def _widened(self, values: list[str]) -> list[str]:
        missing = self._width - len(values)
        return [*values, *[""] * missing] if missing else values

    def _filled(self, values: list[str], change: Change) -> list[str]:
        for at, place in self._given:
            value = change.values[at] if change.values else None
            if value is not None:
                values[place] = value
        if self._address_at >= 0:
            values[self._address_at] = change.address
        return values

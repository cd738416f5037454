"""Saved audiences: kept under a name, handed over, removed; and nothing stays that nobody needs."""

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from bot.broadcast.audience.csv_reader import read_csv
from bot.broadcast.audience.header_detection import Choice
from bot.broadcast.audience.saved import NAME_LIMIT, SAVED_LIMIT, Audiences
from bot.broadcast.audience.store import store_audience
from bot.broadcast.draft import Edited, Prepared, Upload
from bot.broadcast.drafts import Drafts
from bot.errors import BotError
from bot.suppression.recording import suppress
from storage.audience_blocks import BLOCK
from storage.models import Audience, AudienceBlock, Broadcast, Delivery
from storage.states import BroadcastState, DeliveryState, SuppressionReason
from tests.audit_log import audits
from tests.unit.broadcast.fixtures import MortalDatabase, Station, csv, draft

pytestmark = pytest.mark.both_databases


@pytest.fixture
def audiences(connected: Station) -> Audiences:
    return Audiences(connected.db)


async def saves(station: Station, name: str, size: int = 3, *, domain: str = "one.example") -> Prepared:
    upload = csv(size, domain=domain)
    return await station.broadcasts.prepare(station.team, "U1", draft(), upload, None, save_as=name)


async def chooses(station: Station, audience: Audience) -> Prepared:
    return await station.broadcasts.prepare(station.team, "U1", draft(), audience, None)


async def stored(station: Station) -> set[str]:
    async with station.db.read() as session:
        return set(await session.exec(select(Audience.id)))


async def addresses_of(station: Station, broadcast_id: str) -> set[str]:
    return {delivery.address for delivery in await station.deliveries(broadcast_id)}


async def confirm(station: Station, prepared: Prepared) -> Broadcast:
    return await station.broadcasts.confirm(
        station.team, prepared.broadcast.id, prepared.broadcast.version, prepared.broadcast.created_by
    )


async def test_a_saved_audience_is_there_the_next_time_and_reads_the_same(
    connected: Station, audiences: Audiences
) -> None:
    first = await saves(connected, "  Customers \n of spring ")
    (saved,) = await audiences.saved(connected.team)
    assert (saved.name, saved.size, saved.columns) == ("Customers of spring", 3, ["email", "first_name"])

    again = await chooses(connected, await audiences.get(connected.team, saved.id))

    assert again.broadcast.id != first.broadcast.id
    assert (again.broadcast.size, again.samples) == (3, first.samples)
    assert again.readiness.duration == first.readiness.duration
    for prepared in (first, again):
        assert await addresses_of(connected, (await confirm(connected, prepared)).id) == {
            f"r{number}@one.example" for number in (1, 2, 3)
        }


async def test_a_name_goes_over_to_a_later_upload_and_a_broadcast_keeps_what_was_confirmed(
    connected: Station, audiences: Audiences
) -> None:
    old = await confirm(connected, await saves(connected, "Customers"))

    new = await saves(connected, "ＣＵＳＴＯＭＥＲＳ", 2, domain="two.example")

    saved = await audiences.saved(connected.team)
    assert [(each.id, each.size) for each in saved] == [(new.audience.id, 2)]
    assert await addresses_of(connected, old.id) == {f"r{number}@one.example" for number in (1, 2, 3)}
    connected.clock.advance(30)
    await connected.run()
    assert await connected.is_done(old.id, 3)
    assert [row.action for row in await audits(connected.db, "audience.")] == ["audience.save", "audience.replace"]


async def test_of_two_who_save_under_one_name_at_once_both_succeed_and_one_has_it(
    connected: Station, audiences: Audiences
) -> None:
    await asyncio.gather(*(saves(connected, "Customers", size) for size in (1, 2, 3)))

    assert len(await audiences.saved(connected.team)) == 1
    assert len(await stored(connected)) == 3


async def test_an_audience_that_was_removed_cannot_be_chosen_and_goes_when_nothing_needs_it(
    connected: Station, audiences: Audiences
) -> None:
    used, unused = await saves(connected, "Used"), await saves(connected, "Unused")
    confirmed = await confirm(connected, used)

    for prepared in (used, unused):
        await audiences.remove(connected.team, prepared.audience.id, "U2")
        with pytest.raises(BotError, match="NOT_FOUND") as caught:
            await audiences.get(connected.team, prepared.audience.id)
        assert caught.value.field == "saved_audience"
        with pytest.raises(BotError, match="NOT_FOUND"):
            await audiences.remove(connected.team, prepared.audience.id, "U2")

    await connected.broadcasts.forget(unused.broadcast)
    connected.clock.advance(timedelta(days=2).total_seconds())
    await audiences.tidy()
    assert await stored(connected) == {used.audience.id}
    assert len(await addresses_of(connected, confirmed.id)) == 3


async def test_a_team_sees_and_removes_only_its_own(connected: Station, audiences: Audiences) -> None:
    other = connected.new_team("C2")
    await connected.connect(other)
    audience = (await saves(connected, "Customers")).audience

    assert await audiences.saved(other) == []
    for attempt in (
        audiences.get(other, audience.id),
        audiences.named(other, "Customers"),
        audiences.remove(other, audience.id, "U9"),
    ):
        with pytest.raises(BotError, match="NOT_FOUND"):
            await attempt
    assert [saved.id for saved in await audiences.saved(connected.team)] == [audience.id]
    assert (await audiences.named(connected.team, "Customers")).id == audience.id


@pytest.mark.parametrize("name", ["x" * (NAME_LIMIT + 1), "zero\u200bwidth", "bell\a", "\u202eevil"])
async def test_a_name_that_cannot_be_shown_is_refused_before_anything_is_read(connected: Station, name: str) -> None:
    with pytest.raises(BotError, match="AUDIENCE_NAME") as caught:
        await saves(connected, name)
    assert caught.value.field == "save_as"
    assert await stored(connected) == set()


async def test_there_is_an_end_to_names_and_a_taken_one_may_still_go_over(connected: Station) -> None:
    async with connected.db.write() as session:
        for number in range(SAVED_LIMIT):
            name = f"list {number}"
            session.add(
                Audience(
                    team_id=connected.team.id, name=name, name_key=name, created_by="U1", created_at=connected.clock()
                )
            )
    with pytest.raises(BotError, match="AUDIENCES_FULL"):
        await saves(connected, "one more")

    await saves(connected, "List 7")


async def test_of_a_saved_audience_all_of_which_is_suppressed_its_field_is_named_and_it_stays(
    connected: Station, audiences: Audiences
) -> None:
    audience = (await saves(connected, "Customers", 1)).audience
    async with connected.db.write() as session:
        now = connected.clock()
        await suppress(session, connected.team.id, "r1@one.example", SuppressionReason.COMPLAINT, source="", now=now)
    with pytest.raises(BotError, match="AUDIENCE_NO_RECIPIENTS") as caught:
        await chooses(connected, audience)
    assert caught.value.field == "saved_audience"
    assert len(await audiences.saved(connected.team)) == 1


# Held for a broadcast that is being written


async def holds(station: Station, size: int = 3) -> Audience:
    return await station.broadcasts.hold(station.team, "U1", replace(csv(size), name="june.csv", file_id="F1"))


async def test_an_audience_that_is_held_is_written_to_and_may_get_a_name(
    connected: Station, audiences: Audiences
) -> None:
    held = await audiences.held(connected.team, (await holds(connected)).id, "U1")
    assert held is not None
    assert (held.size, held.file_name, held.file_id) == (3, "june.csv", "F1")

    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), held, None, save_as="Customers")

    assert prepared.broadcast.audience_id == held.id
    assert [saved.name for saved in await audiences.saved(connected.team)] == ["Customers"]


async def test_what_is_held_is_there_for_whoever_read_it_and_for_nobody_else(
    connected: Station, audiences: Audiences
) -> None:
    held, other = await holds(connected), connected.new_team("C2")

    assert await audiences.held(connected.team, held.id, "U2") is None
    assert await audiences.held(other, held.id, "U1") is None
    assert await audiences.held(connected.team, "0" * 32, "U1") is None


async def test_what_is_held_outlives_a_restart_and_goes_after_a_day_unless_it_is_written_to(
    connected: Station, audiences: Audiences
) -> None:
    held, used = await holds(connected), await holds(connected)
    connected.clock.advance(timedelta(hours=23).total_seconds())
    await audiences.tidy(alone=True)
    assert await stored(connected) == {held.id, used.id}
    await connected.broadcasts.prepare(connected.team, "U1", draft(), used, None)

    connected.clock.advance(timedelta(hours=2).total_seconds())
    await audiences.tidy()

    assert await stored(connected) == {used.id}


# Read again, in another way

WORK_AND_HOME = "work,private\n" + "".join(f"r{number}@work.test,r{number}@home.test\n" for number in range(1, 4))
HOME = {f"r{number}@home.test" for number in range(1, 4)}


def both(column: str = "") -> Upload:
    return Upload(BytesIO(WORK_AND_HOME.encode()), "june.csv", "F1", Choice(column, can_ask=True))


async def prepares(station: Station, name: str = "") -> Prepared:
    text = draft("Hello")
    return await station.broadcasts.prepare(station.team, "U1", text, both(), None, save_as=name)


async def again(station: Station, prepared: Prepared, column: str = "private") -> Prepared:
    this = Edited(prepared.broadcast.id, prepared.broadcast.version)
    return await station.broadcasts.read_again(station.team, "U1", this, both(column))


async def test_a_draft_gets_the_audience_that_was_read_again_and_so_does_the_name(
    connected: Station, audiences: Audiences
) -> None:
    first = await prepares(connected, "Customers")

    second = await again(connected, first)

    assert second.summary.address_column == "private"
    assert [saved.id for saved in await audiences.saved(connected.team)] == [second.audience.id]
    with pytest.raises(BotError, match="has changed since"):
        await confirm(connected, first)
    await audiences.tidy(alone=True)
    assert await stored(connected) == {first.audience.id, second.audience.id}  # for a day, for Undo
    connected.clock.advance(timedelta(days=1).total_seconds())
    await audiences.tidy(alone=True)
    assert await stored(connected) == {second.audience.id}
    assert await addresses_of(connected, (await confirm(connected, second)).id) == HOME


async def test_what_was_made_of_a_draft_by_a_confirmation_that_broke_off_goes_with_its_audience(
    connected: Station,
) -> None:
    first = await prepares(connected)
    this = connected.team, first.broadcast.id, first.broadcast.version
    assert await connected.broadcasts._deliveries_are_made(*this)

    second = await again(connected, first)

    assert await addresses_of(connected, (await confirm(connected, second)).id) == HOME


async def test_a_draft_whose_file_cannot_be_read_so_stays_as_it_was(connected: Station) -> None:
    first = await prepares(connected)
    async with connected.db.write() as session:
        for address in sorted(HOME):
            reason, now = SuppressionReason.COMPLAINT, connected.clock()
            await suppress(session, connected.team.id, address, reason, source="", now=now)

    for column, code in {"private": "AUDIENCE_NO_RECIPIENTS", "nothing": "UNKNOWN_COLUMN"}.items():
        with pytest.raises(BotError, match=code):
            await again(connected, first, column)

    assert await stored(connected) == {first.audience.id}
    await confirm(connected, first)
    with pytest.raises(BotError, match="is scheduled already"):
        await again(connected, first)


async def test_of_two_who_have_a_draft_read_again_at_once_one_has_it_and_nobody_is_in_both(connected: Station) -> None:
    first = await prepares(connected)

    outcomes = await asyncio.gather(
        *(again(connected, first, column) for column in ("private", "work")), return_exceptions=True
    )

    (won,) = [outcome for outcome in outcomes if isinstance(outcome, Prepared)]
    assert [type(outcome) for outcome in outcomes].count(BotError) == 1
    confirmed = await confirm(connected, won)
    assert len(await addresses_of(connected, confirmed.id)) == 3
    assert confirmed.audience_id == won.audience.id


# What a crash or a change of mind leaves behind


async def test_what_a_crash_in_the_middle_of_an_import_leaves_is_gone_after_the_start(
    connected: Station, database_url: str
) -> None:
    dying = MortalDatabase(database_url, connected.clock, dies_at=3)
    audience = Audience(team_id=connected.team.id, columns=["email"], created_by="U1", created_at=connected.clock())
    with pytest.raises(OperationalError):
        await store_audience(dying, audience, read_csv(csv(25_000).file))
    await dying.stop()
    async with connected.db.read() as session:
        left = await session.get_one(Audience, audience.id)
        assert left.size == 0
        assert (await session.exec(select(AudienceBlock))).first() is not None

    await Audiences(connected.db).tidy()  # somebody else may be reading it
    assert await stored(connected) == {audience.id}
    await Audiences(connected.db).tidy(alone=True)

    assert await stored(connected) == set()
    async with connected.db.read() as session:
        assert (await session.exec(select(AudienceBlock))).first() is None


async def test_a_draft_that_nobody_changes_ends_after_thirty_days_and_its_recipients_go(
    connected: Station, audiences: Audiences
) -> None:
    drafts = Drafts(connected.db)
    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), csv(3), None)

    async def after(days: float) -> BroadcastState:
        connected.clock.advance(timedelta(days=days).total_seconds())
        await drafts.tidy()
        await audiences.tidy()
        return (await connected.broadcast(prepared.broadcast.id)).state

    assert await after(29.9) is BroadcastState.DRAFT
    assert await drafts.count(connected.team, "U1") == 1
    assert await after(0.2) is BroadcastState.CANCELLED
    assert await drafts.count(connected.team, "U1") == 0
    assert await stored(connected) == {prepared.audience.id}
    with pytest.raises(BotError, match="was cancelled already"):
        await confirm(connected, prepared)

    connected.clock.advance(timedelta(days=31).total_seconds())
    await drafts.tidy()
    await audiences.tidy()
    assert await stored(connected) == set()


async def test_a_draft_is_shown_again_with_its_numbers_as_they_are_by_now(connected: Station) -> None:
    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), csv(3), None)
    async with connected.db.write() as session:
        address, now = "R2@recipients.example", connected.clock()
        await suppress(session, connected.team.id, address, SuppressionReason.COMPLAINT, source="", now=now)

    ref = (connected.team, prepared.broadcast.id, prepared.broadcast.version)
    again = await connected.broadcasts.prepared(*ref)

    assert again.suppressed == 1
    assert [sample.address for sample in again.samples] == ["r1@recipients.example", "r3@recipients.example"]
    await connected.broadcasts.confirm(*ref, "U1")
    with pytest.raises(BotError, match="is scheduled already"):
        await connected.broadcasts.prepared(*ref)


# Many recipients


async def test_a_crash_while_deliveries_are_made_loses_and_doubles_nobody(
    connected: Station, database_url: str
) -> None:
    size = 12_345
    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), csv(size), None)
    ref = (connected.team, prepared.broadcast.id, prepared.broadcast.version)
    dying = MortalDatabase(database_url, connected.clock, dies_at=2)
    alive, connected.broadcasts._db = connected.broadcasts._db, dying
    with pytest.raises(OperationalError):
        await connected.broadcasts.confirm(*ref, "U1")
    connected.broadcasts._db = alive
    await dying.stop()
    assert 0 < len(await connected.deliveries(prepared.broadcast.id)) < size
    await connected.check_sum()

    await asyncio.gather(*(connected.broadcasts.confirm(*ref, "U1") for _ in range(2)), return_exceptions=True)

    deliveries = await connected.deliveries(prepared.broadcast.id)
    assert [delivery.seq for delivery in deliveries] == list(range(1, size + 1))
    assert [delivery.address for delivery in deliveries[:: BLOCK // 2]] == [
        f"r{number}@recipients.example" for number in range(1, size + 1, BLOCK // 2)
    ]


async def test_a_draft_cancelled_while_deliveries_are_made_accounts_for_everybody(connected: Station) -> None:
    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), csv(12_345), None)
    ref = (connected.team, prepared.broadcast.id, prepared.broadcast.version)

    outcomes = await asyncio.gather(
        connected.broadcasts.confirm(*ref, "U1"), connected.broadcasts.cancel(*ref, "U2"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes].count(BotError) <= 1
    await connected.check_sum()
    if (await connected.broadcast(prepared.broadcast.id)).confirmed_by == "":
        async with connected.db.read() as session:
            pending = select(Delivery.seq).where(Delivery.state == DeliveryState.PENDING)
            assert (await session.exec(pending)).first() is None


async def test_progress_is_told_and_every_row_that_is_left_out_is_kept_with_its_line(connected: Station) -> None:
    told = []

    async def progress(rows: int) -> None:
        told.append(rows)

    rows = "".join(f"r{number % 15_000}@x.example,=1+{number}\n" for number in range(25_000))
    file = BytesIO(f"email,first_name\n{rows}nobody,N\n=cmd@x.example|a,N\n".encode())
    with closing(Upload(file, progress=progress)) as upload:
        prepared = await connected.broadcasts.prepare(connected.team, "U1", draft(), upload, None)
        lines = upload.rejects.read().decode("utf-8-sig").splitlines()

    assert file.closed
    assert told[-1] == 25_002
    assert told == sorted(told)
    assert (prepared.audience.size, prepared.audience.duplicates, prepared.audience.invalid) == (15_000, 10_000, 2)
    assert len(lines) == 1 + 10_002
    assert lines[:2] == ["line,value,why", "15002,r0@x.example,is the same as line 2"]
    assert lines[-2].startswith("25002,nobody,")
    assert lines[-1].startswith("25003,'=cmd@x.example|a,")

"""Who of an audience gets a broadcast: found by a filter, added and left out, and frozen once it was looked at."""

from contextlib import closing
from dataclasses import replace
from io import BytesIO

import pytest
from sqlmodel import col, select, update

from bot.broadcast.audience.saved import Audiences
from bot.broadcast.audience.selection.filter import Condition, Filter, Match, Operator
from bot.broadcast.audience.selection.selection import Selection
from bot.broadcast.draft import Edited, Prepared, Upload
from bot.broadcast.drafts import Drafts
from bot.broadcast.mail_me_one import MailMeOne
from bot.errors import BotError
from bot.people.retention import Retention
from bot.suppression.hidden import hash_of
from storage.audience_blocks import BLOCK
from storage.models import Audience, AudienceBlock, Broadcast, Delivery, Team
from storage.states import DeliveryState, KeepRecipients
from tests.unit.broadcast.fixtures import Station, draft

pytestmark = pytest.mark.both_databases

PEOPLE = b"email,first_name,plan,age\nann@a.test,Ann,pro,31\nben@a.test,Ben,Free,29\neve@a.test,Eve, PRO ,?\n"
PARTNERS = b"Company,Work email\nZeta,zoe@z.test\nAcme,BEN@a.test\nAcme,ann@a.test\n"
STAFF = b"email\nann@a.test\n"
PRO = Filter(Match.ALL, (Condition("Plan", Operator.IS, "pro"),))
NOBODY = Filter(Match.ALL, (Condition("plan", Operator.IS, "gold"),))


async def prepare(
    station: Station, csv: bytes | Audience, selection: Selection, *, save_as: str = "", edited: Edited | None = None
) -> Prepared:
    typed = replace(draft("Hello {{first_name|you}}, {{company|friend}}"), selection=selection)
    if isinstance(csv, Audience):
        return await station.broadcasts.prepare(station.team, "U1", typed, csv, None, edited=edited)
    with closing(Upload(BytesIO(csv), "people.csv")) as file:
        return await station.broadcasts.prepare(station.team, "U1", typed, file, None, save_as=save_as, edited=edited)


async def saves(station: Station, name: str, csv: bytes) -> None:
    with closing(Upload(BytesIO(csv))) as file:
        await station.broadcasts.prepare(station.team, "U1", draft("Hello"), file, None, save_as=name)


async def members(station: Station, prepared: Prepared) -> list[tuple[str, list[str]]]:
    blocks = select(AudienceBlock).where(AudienceBlock.audience_id == prepared.broadcast.audience_id)
    async with station.db.read() as session:
        rows = (await session.exec(blocks.order_by(col(AudienceBlock.first_seq)))).all()
    assert [row.first_seq for row in rows] == [1 + BLOCK * number for number in range(len(rows))]
    return [pair for row in rows for pair in zip(row.addresses, row.fields, strict=True)]


async def addresses(station: Station, prepared: Prepared) -> list[str]:
    return [address for address, _ in await members(station, prepared)]


async def moves(station: Station, seqs: set[int], state: DeliveryState) -> None:
    async with station.db.write() as session:
        await session.exec(update(Delivery).where(col(Delivery.seq).in_(seqs)).values(state=state))


def seen(prepared: Prepared) -> Edited:
    return Edited(prepared.broadcast.id, prepared.broadcast.version)


async def test_a_filter_selects_from_the_audience_which_the_draft_keeps(connected: Station) -> None:
    where = Filter(Match.ANY, (*PRO.lines, Condition("age", Operator.UNDER, "30")))

    prepared = await prepare(connected, PEOPLE, Selection(where))

    assert await addresses(connected, prepared) == ["ann@a.test", "ben@a.test", "eve@a.test"]
    narrowed = await prepare(connected, prepared.source, Selection(PRO), edited=seen(prepared))
    assert await addresses(connected, narrowed) == ["ann@a.test", "eve@a.test"]
    assert (narrowed.broadcast.size, narrowed.source.size, narrowed.audience.size) == (2, 3, 2)
    assert narrowed.broadcast.version == prepared.broadcast.version + 1
    (remark,) = [each for each in prepared.remarks if each.code == "FILTER_NO_VALUE"]
    assert remark.sentence.startswith("In 1 row of 3 age is no number")
    whole = await prepare(connected, narrowed.source, Selection(), edited=seen(narrowed))
    assert whole.broadcast.audience_id == whole.source.id
    assert (whole.broadcast.source_id, whole.broadcast.size) == (None, 3)


async def test_others_are_added_with_their_values_and_left_out_by_their_addresses(connected: Station) -> None:
    await saves(connected, "Partners", PARTNERS)
    await saves(connected, "Staff", STAFF)

    prepared = await prepare(connected, PEOPLE, Selection(PRO, also=("Partners",), leaves_out=("staff",)))

    assert prepared.audience.columns == ["email", "first_name", "plan", "age", "company", "work_email"]
    assert await members(connected, prepared) == [
        ("eve@a.test", ["eve@a.test", "Eve", "PRO", "?", "", ""]),
        ("zoe@z.test", ["zoe@z.test", "", "", "", "Zeta", "zoe@z.test"]),
        ("BEN@a.test", ["BEN@a.test", "", "", "", "Acme", "BEN@a.test"]),
    ]
    assert [sample.text.splitlines()[0] for sample in prepared.samples] == [
        "Hello Eve, friend",
        "Hello you, Zeta",
        "Hello you, Acme",
    ]
    counts = prepared.selected
    assert counts
    assert (counts.of, counts.matched, counts.added, counts.left_out, counts.own) == (3, 2, 2, 1, 1)
    mail_me_one = MailMeOne(connected.db, connected.broadcasts)
    this = connected.team, prepared.broadcast.id, prepared.broadcast.version
    assert await mail_me_one.seq_of_line(*this, "4") == 1
    with pytest.raises(BotError, match="NO_SUCH_LINE"):
        await mail_me_one.seq_of_line(*this, "2")


async def test_who_got_a_broadcast_is_left_out_whatever_became_of_it(connected: Station) -> None:
    first = await prepare(connected, PEOPLE, Selection())
    await connected.broadcasts.confirm(connected.team, first.broadcast.id, first.broadcast.version, "U1")
    await moves(connected, {1, 2, 3}, DeliveryState.SENDING)
    for seq, state in enumerate([DeliveryState.IN_DOUBT, DeliveryState.FAILED, DeliveryState.SENT], start=1):
        await moves(connected, {seq}, state)
    await moves(connected, {3}, DeliveryState.COMPLAINED)

    without = Selection(leaves_out_got=(first.broadcast.id,))
    prepared = await prepare(connected, PEOPLE, without)

    assert await addresses(connected, prepared) == ["ben@a.test"]
    assert prepared.selected
    assert prepared.selected.got == 2
    hashed = hash_of(connected.db.people_key, connected.team.id, "eve@a.test")
    async with connected.db.write() as session:  # its recipients are forgotten, as the settings have it
        forgets = update(Delivery).where(col(Delivery.seq) == 3)
        await session.exec(forgets.values(address=hashed, address_key=hashed))
    await moves(connected, {1}, DeliveryState.PENDING)  # it is to be sent again
    later = await connected.broadcasts.check(connected.team, "U1", seen(prepared))
    assert await addresses(connected, later) == ["ann@a.test", "ben@a.test"]


async def test_check_and_send_looks_again_and_changes_nothing_where_nothing_has_changed(connected: Station) -> None:
    await saves(connected, "Staff", STAFF)
    prepared = await prepare(connected, PEOPLE, Selection(leaves_out=("Staff",)))

    again = await connected.broadcasts.check(connected.team, "U1", seen(prepared))
    assert (again.broadcast.version, again.audience.id) == (prepared.broadcast.version, prepared.audience.id)

    await saves(connected, "Staff", b"email\nben@a.test\n")
    changed = await connected.broadcasts.check(connected.team, "U1", seen(prepared))
    assert await addresses(connected, changed) == ["ann@a.test", "eve@a.test"]
    assert changed.broadcast.version == prepared.broadcast.version + 1
    broadcast = await connected.broadcasts.confirm(
        connected.team, changed.broadcast.id, changed.broadcast.version, "U1"
    )
    assert {each.address for each in await connected.deliveries(broadcast.id)} == {"ann@a.test", "eve@a.test"}


async def test_a_saved_audience_that_the_draft_is_for_is_taken_as_it_is_when_it_is_checked(connected: Station) -> None:
    await saves(connected, "People", PEOPLE)
    (saved,) = await Audiences(connected.db).saved(connected.team)
    prepared = await prepare(connected, saved, Selection(PRO))

    await saves(connected, "People", PEOPLE + b"una@a.test,Una,pro,\n")
    now = await connected.broadcasts.check(connected.team, "U1", seen(prepared))
    assert await addresses(connected, now) == ["ann@a.test", "eve@a.test", "una@a.test"]

    await saves(connected, "People", STAFF)
    with pytest.raises(BotError) as refused:
        await connected.broadcasts.check(connected.team, "U1", seen(now))
    assert (refused.value.code, refused.value.field) == ("UNKNOWN_COLUMN", "where.all.0.column")
    assert (await connected.broadcast(now.broadcast.id)).version == now.broadcast.version


async def test_what_is_not_there_any_more_is_named_and_the_draft_stays(connected: Station) -> None:
    await saves(connected, "Staff", STAFF)
    prepared = await prepare(connected, PEOPLE, Selection(leaves_out=("Staff",)))
    audiences = Audiences(connected.db)
    (staff,) = await audiences.saved(connected.team)
    await audiences.remove(connected.team, staff.id, "U1")

    with pytest.raises(BotError) as refused:
        await connected.broadcasts.check(connected.team, "U1", seen(prepared))
    assert (refused.value.code, refused.value.field) == ("AUDIENCE_UNKNOWN", "except")
    assert "“Staff”" in refused.value.sentence
    for unknown in ("0" * 32, (await sent_by_others(connected)).id):
        with pytest.raises(BotError) as refused:
            await prepare(connected, PEOPLE, Selection(leaves_out_got=(unknown,)))
        assert (refused.value.code, refused.value.field) == ("BROADCAST_UNKNOWN", "except_broadcasts")


async def sent_by_others(station: Station) -> Broadcast:
    other = station.new_team("C2")
    await station.connect(other)
    return await station.confirmed(2, team=other)


async def test_nobody_left_is_refused_with_what_left_nobody_and_nothing_is_kept(connected: Station) -> None:
    await saves(connected, "Everybody", PEOPLE)

    for selection, says in (
        (Selection(NOBODY), "Nobody of 3 addresses is left: “Only those where” (plan is “gold”) leaves out 3."),
        (
            Selection(PRO, leaves_out=("Everybody",)),
            "“Only those where” (Plan is “pro”) leaves out 1, “Except” leaves out 2.",
        ),
    ):
        with pytest.raises(BotError) as refused:
            await prepare(connected, PEOPLE, selection)
        assert refused.value.code == "AUDIENCE_NO_RECIPIENTS"
        assert says in refused.value.sentence
    async with connected.db.read() as session:
        assert [audience.name for audience in await session.exec(select(Audience))] == ["Everybody"]


async def test_a_copy_keeps_the_selection_and_what_is_selected_stays_while_a_draft_has_it(connected: Station) -> None:
    prepared = await prepare(connected, PEOPLE, Selection(PRO))
    copied = (await Drafts(connected.db).copy(connected.team, prepared.broadcast.id, "U2")).draft
    assert (copied.size, copied.selection) == (2, {"where": PRO.to_json()})
    connected.clock.advance(2 * 60 * 60)
    await Audiences(connected.db).tidy()

    again = await connected.broadcasts.check(connected.team, "U2", Edited(copied.id, copied.version))

    assert await addresses(connected, again) == ["ann@a.test", "eve@a.test"]
    assert again.source.id == prepared.source.id


async def test_who_was_erased_is_found_by_nothing(connected: Station) -> None:
    prepared = await prepare(connected, PEOPLE, Selection(PRO))
    erased = hash_of(connected.db.people_key, connected.team.id, "eve@a.test")
    async with connected.db.write() as session:
        block = await session.get_one(AudienceBlock, (prepared.source.id, 1), with_for_update=True)
        block.addresses, block.fields = [*block.addresses[:2], erased], [*block.fields[:2], ["", "", "", ""]]
        session.add(block)

    where = Filter(Match.ALL, (Condition("plan", Operator.IS_NOT, "free"),))
    again = await prepare(connected, prepared.source, Selection(where))

    assert await addresses(connected, again) == ["ann@a.test"]


async def test_where_recipients_are_forgotten_what_they_were_selected_from_goes_too(connected: Station) -> None:
    prepared = await prepare(connected, PEOPLE, Selection(PRO))
    await connected.broadcasts.confirm(connected.team, prepared.broadcast.id, prepared.broadcast.version, "U1")
    connected.clock.advance(30)
    await connected.run()
    await connected.is_done(prepared.broadcast.id, 2)
    async with connected.db.write() as session:
        await session.exec(update(Team).values(keep_recipients=KeepRecipients.DAYS_90))
    connected.clock.advance(91 * 24 * 60 * 60)

    await Retention(connected.db).run()
    await Audiences(connected.db).tidy()

    async with connected.db.read() as session:
        assert (await session.exec(select(Audience))).all() == []

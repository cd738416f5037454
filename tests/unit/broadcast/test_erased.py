"""Somebody was erased, and a later list holds the address: in another column, in a sentence, in what is left out."""

import io
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial

import pytest
from sqlmodel import col, select

from bot.broadcast.audience.csv_reader import Choice, Limits, read_csv
from bot.broadcast.audience.revisions.ndjson import read_ndjson
from bot.broadcast.audience.revisions.patch import Patch
from bot.broadcast.audience.revisions.proposals import How, RevisionSource
from bot.broadcast.audience.revisions.revisions import Revisions
from bot.broadcast.audience.spreadsheets.upload import read_audience
from bot.broadcast.draft import Upload
from bot.people.erasure import Erasures
from bot.people.person import PersonLookup
from bot.suppression.hidden import hash_of, hidden_addresses
from bot.suppression.recording import Entry, suppress_all
from storage.models import Audience, AudienceBlock, Suppression, WebhookEvent
from storage.states import SuppressionReason
from tests.databases import everything_kept
from tests.unit.broadcast.fixtures import Station, draft
from tests.unit.broadcast.workbooks import texts, xlsx

EVE = "eve@else.test"
TOLD = "ask Eve@Else.test, or joeve@else.test"
HEADER = ["email", "boss", "note"]
CELLS = [["bob@x.test", EVE, TOLD], ["Eve@else.test", "", "herself"], [f"two: {EVE} {EVE}", "", ""]]
CSV = "\n".join(",".join(f'"{cell}"' for cell in row) for row in (HEADER, *CELLS)).encode()
NDJSON = "\n".join(
    f'{{"email": "{email}", "boss": "{boss}", "note": "{note}"}}' for email, boss, note in CELLS
).encode()

Comes = Callable[[Station, Revisions], Awaitable[Audience]]


@pytest.fixture
def revisions(connected: Station) -> Revisions:
    return Revisions(connected.db, connected.broadcasts.imports)


async def is_erased(station: Station, address: str = EVE) -> str:
    """The end of an erase: only the hash is on the list, and nothing else holds the address."""
    hashed = hash_of(station.db.people_key, station.team.id, address)
    async with station.db.write() as session:
        entry = Entry(hashed, SuppressionReason.ERASED, hashed=True)
        await suppress_all(session, station.team.id, [entry], source="U1", now=station.clock())
    return hashed


async def uploaded(station: Station, _: Revisions, data: bytes, name: str) -> Audience:
    with closing(Upload(io.BytesIO(data), name)) as upload:
        return (await station.broadcasts.prepare(station.team, "U1", draft("Hi"), upload, None)).source


async def put(station: Station, revisions: Revisions, data: bytes) -> Audience:
    source = RevisionSource(lambda: read_ndjson(io.BytesIO(data), Limits()), waits=False)
    return (await revisions.propose(station.team, None, How.REPLACE, source, "token:1")).audience


async def base_of(station: Station, revisions: Revisions) -> Audience:
    source = RevisionSource(lambda: read_csv(io.BytesIO(b"email,note\nbob@x.test,-\n")), waits=False)
    proposal = await revisions.propose(station.team, None, How.REPLACE, source, "U1")
    return await revisions.keep(station.team, proposal.audience.id, "U1", "Customers")


async def added(station: Station, revisions: Revisions, data: bytes) -> Audience:
    source = RevisionSource(lambda: read_audience(io.BytesIO(data)), name=f"{EVE} and others.xlsx", waits=False)
    base = await base_of(station, revisions)
    return (await revisions.propose(station.team, base, How.ADD, source, "U1")).audience


async def patched(station: Station, revisions: Revisions) -> Audience:
    patch = Patch([dict(zip(HEADER, row, strict=True)) for row in CELLS], [])
    base = await base_of(station, revisions)
    return (await revisions.propose_patch(station.team, base, patch, "token:1")).audience


@pytest.mark.parametrize(
    "comes",
    [
        pytest.param(partial(uploaded, data=CSV, name=f"{EVE} and others.csv"), id="a CSV"),
        pytest.param(partial(put, data=NDJSON), id="NDJSON by API"),
        pytest.param(partial(added, data=xlsx({"One": texts(HEADER, *CELLS)})), id="people added from a workbook"),
        pytest.param(patched, id="a patch by API"),
    ],
)
async def test_an_address_that_was_erased_is_stored_in_no_column_of_what_comes_later(
    connected: Station, revisions: Revisions, comes: Comes
) -> None:
    hashed = await is_erased(connected)

    audience = await comes(connected, revisions)

    async with connected.db.read() as session:
        blocks = select(AudienceBlock).where(AudienceBlock.audience_id == audience.id)
        (block,) = await session.exec(blocks.order_by(col(AudienceBlock.first_seq)))
    bob = dict(zip(audience.columns, block.fields[block.addresses.index("bob@x.test")], strict=True))
    assert (bob["email"], bob["boss"]) == ("bob@x.test", hashed)
    assert bob["note"] == f"ask {hashed}, or joeve@else.test"
    kept = (await everything_kept(connected.db)).lower()
    assert kept.count(EVE) == kept.count("joeve@else.test") > 0
    assert "herself" not in kept


async def test_it_is_not_the_example_of_a_column_either_nor_the_word_of_a_suppression(connected: Station) -> None:
    hashed = await is_erased(connected)
    two = f"contact,manager\nbob@x.test,{EVE}\n".encode()
    upload = Upload(io.BytesIO(two), choice=Choice(can_ask=True))

    prepared = await connected.broadcasts.prepare(connected.team, "U1", draft("Hi"), upload, None)
    async with connected.db.write() as session:
        hidden = await hidden_addresses(session, connected.db.people_key, connected.team.id)
        entries = hidden.entries([Entry("cy@x.test", SuppressionReason.BY_HAND, f"as {EVE} said")])
        await suppress_all(session, connected.team.id, entries, source="U1", now=connected.clock())

    assert [each[2] for each in prepared.source.import_summary["candidates"]] == ["bob@x.test", hashed]
    async with connected.db.read() as session:
        row = (await session.exec(select(Suppression).where(Suppression.address_key == "cy@x.test"))).one()
    assert row.word == f"as {hashed} said"
    assert EVE not in (await everything_kept(connected.db)).lower()


async def test_what_a_webhook_was_to_be_told_of_them_has_no_id_of_theirs_either(connected: Station) -> None:
    db, team, clock = connected.db, connected.team, connected.clock
    items = [{"address": EVE.upper(), "external_id": "u-17"}, {"address": "cy@x.test", "external_id": "u-18"}]
    async with db.write() as session:
        await suppress_all(session, team.id, [Entry(EVE, SuppressionReason.BY_HAND)], source="U1", now=clock())
        event = WebhookEvent(
            id="msg_1",
            team_id=team.id,
            lane="b",
            type="delivery.bounced",
            data={"broadcast_id": "b", "items": items},
            created_at=clock(),
            due_at=clock(),
        )
        session.add(event)
    await PersonLookup(db).erase(team, EVE, "U1")
    erasures = Erasures(db)
    await erasures.tick()
    await erasures.idle()

    hashed = hash_of(db.people_key, team.id, EVE)
    async with db.read() as session:
        event = (await session.exec(select(WebhookEvent).where(WebhookEvent.id == "msg_1"))).one()
    assert event.data["items"] == [{"address": hashed, "external_id": None}, items[1]]


async def test_an_erase_reaches_links_the_name_of_a_file_and_that_of_an_audience(connected: Station) -> None:
    db, team, clock = connected.db, connected.team, connected.clock
    rows = b"email,link\nbob@x.test,https://x.test/?of=Eve%40else.test&n=1\n"
    with closing(Upload(io.BytesIO(rows), f"{EVE}.csv")) as upload:
        await connected.broadcasts.prepare(team, "U1", draft("Hi"), upload, None, save_as=f"From {EVE}")
    async with db.write() as session:
        await suppress_all(session, team.id, [Entry(EVE, SuppressionReason.BY_HAND)], source="U1", now=clock())
    await PersonLookup(db).erase(team, EVE, "U1")
    erasures = Erasures(db)
    await erasures.tick()
    await erasures.idle()

    hashed = hash_of(db.people_key, team.id, EVE)
    kept = await everything_kept(db)
    assert "else.test" not in kept.lower()
    for left in (f"https://x.test/?of={hashed.replace('@', '%40')}&n=1", f"{hashed}.csv", f"From {hashed}"):
        assert left in kept

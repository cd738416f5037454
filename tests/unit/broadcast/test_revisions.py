"""Changes of a saved audience: what they come to, kept as the next revision, and taken back for a day."""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm.attributes import flag_modified
from sqlmodel import select

from bot.broadcast.audience.csv_reader import read_csv
from bot.broadcast.audience.revisions.comparison import Counts, compare
from bot.broadcast.audience.revisions.members import csv_of, members_of, ndjson_of
from bot.broadcast.audience.revisions.patch import Patch
from bot.broadcast.audience.revisions.proposals import How, Proposal, RevisionSource
from bot.broadcast.audience.revisions.revisions import Revisions, can_undo
from bot.broadcast.audience.saved import Audiences
from bot.errors import BotError
from bot.suppression.hidden import hash_of
from storage.models import Audience, AudienceBlock
from tests.audit_log import audits
from tests.unit.broadcast.fixtures import Station, draft

pytestmark = pytest.mark.both_databases

NAME = "Customers"
Rows = Sequence[Mapping[str, str]]


@pytest.fixture
def revisions(connected: Station) -> Revisions:
    return Revisions(connected.db, connected.broadcasts.imports)


@pytest.fixture
def audiences(connected: Station) -> Audiences:
    return Audiences(connected.db)


def source(text: str) -> RevisionSource:
    return RevisionSource(lambda: read_csv(io.BytesIO(text.encode())), waits=False)


ONE = "Mail,First name,plan\nann@x.test,Ann,pro\nbob@x.test,Bob,free\ncy@x.test,,free\n"


async def first(station: Station, revisions: Revisions, text: str = ONE) -> Audience:
    proposal = await revisions.propose(station.team, None, How.REPLACE, source(text), "U1")
    return await revisions.keep(station.team, proposal.audience.id, "U1", NAME)


async def text_of(station: Station, audience: Audience) -> str:
    return b"".join([part async for part in csv_of(station.db, audience)]).decode().replace("\r\n", "\n")


async def actions(station: Station) -> list[tuple[str, dict[str, object]]]:
    return [(row.action, dict(row.after)) for row in await audits(station.db, "audience.")]


async def test_a_file_adds_and_changes_and_one_of_addresses_takes_out_and_a_broadcast_keeps_what_was_confirmed(
    connected: Station, revisions: Revisions, audiences: Audiences
) -> None:
    base = await first(connected, revisions)
    assert (base.revision, base.named_at, can_undo(base, connected.clock())) == (1, connected.clock(), False)
    sent = await connected.broadcasts.prepare(connected.team, "U1", draft("Hi"), base, None)
    assert (sent.broadcast.audience_name, sent.broadcast.audience_revision) == (NAME, 1)

    more = "Plan;E-Mail;city\npro;BOB@x.test;Bonn\nfree;cy@x.test;\npro;dan@x.test;Ulm\nnobody;no address;\n"
    grown = await revisions.propose(connected.team, base, How.ADD, source(more), "U2")

    assert grown.counts == Counts(added=1, changed=1, unchanged=1)
    assert (grown.audience.invalid, grown.audience.size, grown.audience.rejected[0]["line"]) == (1, 4, 5)
    assert (await audiences.named(connected.team, NAME)).id == base.id  # until it is kept
    kept = await revisions.keep(connected.team, grown.audience.id, "U2")
    assert await text_of(connected, kept) == (
        "email,first_name,plan,city\nann@x.test,Ann,pro,\nbob@x.test,Bob,pro,Bonn\ncy@x.test,,free,\n"
        "dan@x.test,,pro,Ulm\n"
    )
    assert kept.columns[0] == "mail"  # as messages call it

    less = await revisions.propose(
        connected.team, kept, How.TAKE_OUT, source("email\nANN@x.test\nnobody@x.test\n"), "U2"
    )
    assert less.counts == Counts(removed=1, unchanged=1)
    last = await revisions.keep(connected.team, less.audience.id, "U2")

    (saved,) = await audiences.saved(connected.team)
    assert (saved.id, saved.revision, saved.size, saved.name) == (last.id, 3, 3, NAME)
    assert await actions(connected) == [
        ("audience.save", {"size": 3, "revision": 1, "added": 3, "changed": 0, "removed": 0, "unchanged": 0}),
        ("audience.change", {"size": 4, "revision": 2, "added": 1, "changed": 1, "removed": 0, "unchanged": 1}),
        ("audience.change", {"size": 3, "revision": 3, "added": 0, "changed": 0, "removed": 1, "unchanged": 1}),
    ]
    confirmed = await connected.broadcasts.confirm(connected.team, sent.broadcast.id, sent.broadcast.version, "U1")
    assert [row.address for row in await connected.deliveries(confirmed.id)] == [
        "ann@x.test",
        "bob@x.test",
        "cy@x.test",
    ]


async def test_a_change_is_taken_back_for_a_day_once_and_what_had_the_name_before_stays_for_as_long(
    connected: Station, revisions: Revisions, audiences: Audiences
) -> None:
    base = await first(connected, revisions)
    changed = await revisions.propose(connected.team, base, How.REPLACE, source("email\nann@x.test\n"), "U2")
    assert changed.counts == Counts(changed=1, removed=2)
    new = await revisions.keep(connected.team, changed.audience.id, "U2")
    connected.clock.advance(timedelta(hours=23).total_seconds())
    await audiences.tidy()

    back = await revisions.undo(connected.team, new.id, "U3")

    assert (back.id, back.revision, back.named_at) == (base.id, 3, connected.clock())
    assert (
        await text_of(connected, back)
        == "email,first_name,plan\nann@x.test,Ann,pro\nbob@x.test,Bob,free\ncy@x.test,,free\n"
    )
    assert (await actions(connected))[-1] == ("audience.undo", {"size": 3, "revision": 3})
    with pytest.raises(BotError, match="ALREADY"):
        await revisions.undo(connected.team, back.id, "U3")
    with pytest.raises(BotError, match="NOT_FOUND"):
        await revisions.undo(connected.team, new.id, "U3")

    again = await revisions.propose(connected.team, back, How.REPLACE, source("email\nzoe@x.test\n"), "U2")
    last = await revisions.keep(connected.team, again.audience.id, "U2")
    assert last.revision == 4
    connected.clock.advance(timedelta(hours=25).total_seconds())
    with pytest.raises(BotError, match="ALREADY"):
        await revisions.undo(connected.team, last.id, "U3")
    await audiences.tidy()
    async with connected.db.read() as session:
        assert [each.id for each in await session.exec(select(Audience))] == [last.id]


async def test_of_two_changes_of_one_revision_one_is_kept_and_what_changes_nothing_is_no_revision(
    connected: Station, revisions: Revisions
) -> None:
    base = await first(connected, revisions)
    texts = "email\nann@x.test\n", "email\nbob@x.test\n"
    proposals = [await revisions.propose(connected.team, base, How.TAKE_OUT, source(text), "U2") for text in texts]
    outcomes = await asyncio.gather(
        *(revisions.keep(connected.team, each.audience.id, "U2") for each in proposals), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Audience", "BotError"]
    (error,) = [each for each in outcomes if isinstance(each, BotError)]
    (kept,) = [each for each in outcomes if isinstance(each, Audience)]
    assert error.code == "ALREADY"
    assert kept.revision == 2
    with pytest.raises(BotError, match="ALREADY"):
        await revisions.keep(connected.team, kept.id, "U2")
    other = connected.new_team("C2")
    await connected.connect(other)
    with pytest.raises(BotError, match="NOT_FOUND"):
        await revisions.keep(other, proposals[0].audience.id, "U2")

    same = await revisions.propose(connected.team, kept, How.REPLACE, source(await text_of(connected, kept)), "U2")
    assert same.counts == Counts(unchanged=2)
    assert (await revisions.keep(connected.team, same.audience.id, "U2")).id == kept.id
    with pytest.raises(BotError, match="NOT_FOUND"):
        await revisions.proposal(connected.team, same.audience.id)


async def test_of_two_first_revisions_of_one_name_one_is_kept(connected: Station, revisions: Revisions) -> None:
    one, other = [await revisions.propose(connected.team, None, How.REPLACE, source(ONE), "U1") for _ in range(2)]
    await revisions.keep(connected.team, one.audience.id, "U1", NAME)
    with pytest.raises(BotError, match="ALREADY"):
        await revisions.keep(connected.team, other.audience.id, "U1", NAME.upper())
    await revisions.discard(connected.team, other.audience.id)


async def test_an_audience_does_not_become_empty_or_too_wide(connected: Station, revisions: Revisions) -> None:
    base = await first(connected, revisions)
    with pytest.raises(BotError, match="Nobody would be left"):
        await revisions.propose(connected.team, base, How.TAKE_OUT, source(ONE), "U1")
    wide = {"email": "ann@x.test"} | {f"c{number}": "1" for number in range(298)}
    with pytest.raises(BotError, match="AUDIENCE_TOO_MANY_COLUMNS"):
        await revisions.propose_patch(connected.team, base, Patch([wide], []), "U1")
    async with connected.db.read() as session:
        assert [each.id for each in await session.exec(select(Audience))] == [base.id]


async def test_a_program_patches_some_and_each_row_counts_once(connected: Station, revisions: Revisions) -> None:
    base = await first(connected, revisions)
    patch = Patch(
        upsert=[
            {"email": "ann@x.test", "Plan": "free"},
            {"email": "Bob@x.test", "plan": "free"},
            {"email": "dan@x.test", "external_id": "17"},
            {"email": "dan@x.test", "external_id": "18"},
            {"email": "x", "plan": ""},
            {"email": "eve@x.test", "plan": "pro", "PLAN": "free"},
            {"email": "eve@x.test", "plan": "p" * 2_001},
        ],
        remove=["cy@x.test", "gone@x.test", "ann@x.test", "y"],
    )
    proposal = await revisions.propose_patch(connected.team, base, patch, "token:1")

    assert proposal.counts == Counts(added=1, changed=1, removed=1, unchanged=2)
    audience = proposal.audience
    assert (audience.duplicates, audience.invalid) == (2, 4)
    assert [(row["line"], row["why"]) for row in audience.rejected] == [
        (4, "is the same as line 3"),
        (5, "has no @"),
        (6, "has “plan” twice"),
        (7, "has a value of over 2,000 characters"),
        (10, "is the same as line 1"),
        (11, "has no @"),
    ]
    assert b"".join([part async for part in ndjson_of(connected.db, audience)]).decode().splitlines() == [
        '{"email":"ann@x.test","first_name":"Ann","plan":"free","external_id":""}',
        '{"email":"bob@x.test","first_name":"Bob","plan":"free","external_id":""}',
        '{"email":"dan@x.test","first_name":"","plan":"","external_id":"17"}',
    ]


async def test_who_was_erased_is_handed_on_to_no_revision_and_handed_out_to_nobody(
    connected: Station, revisions: Revisions
) -> None:
    base = await first(connected, revisions)
    hashed = hash_of(connected.db.people_key, connected.team.id, "bob@x.test")
    async with connected.db.write() as session:
        of_base = select(AudienceBlock).where(AudienceBlock.audience_id == base.id).with_for_update()
        block = (await session.exec(of_base)).one()
        block.addresses = [hashed if address.startswith("bob") else address for address in block.addresses]
        session.add(block)
    assert "erased" not in await text_of(connected, base)
    proposal = await revisions.propose(connected.team, base, How.ADD, source("email\ndan@x.test\n"), "U1")
    assert (proposal.counts, proposal.audience.size) == (Counts(added=1), 3)
    same = await revisions.propose(
        connected.team, base, How.REPLACE, source("email,first_name,plan\nann@x.test,Ann,pro\ncy@x.test,,free\n"), "U1"
    )
    assert same.counts == Counts(unchanged=2)


# Against a plain implementation

_ADDRESS = st.sampled_from([f"p{number}@x.test" for number in range(8)])
_ROWS = st.dictionaries(
    _ADDRESS, st.tuples(st.sampled_from(["", "1", '","', "],["]), st.sampled_from(["", '"', "\\"])), min_size=1
)


def _file(rows: Mapping[str, tuple[str, str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([("email", "n", "v"), *((address, n, v) for address, (n, v) in rows.items())])
    return text.getvalue()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=_ROWS, new=_ROWS, gone=st.lists(_ADDRESS))
async def test_what_is_counted_and_what_comes_out_is_what_two_dictionaries_say(
    connected: Station,
    revisions: Revisions,
    old: dict[str, tuple[str, str]],
    new: dict[str, tuple[str, str]],
    gone: list[str],
) -> None:
    base = await _made(connected, revisions, old)
    other = await _made(connected, revisions, new)
    both = old.keys() & new.keys()
    assert await compare(connected.db, base, other) == Counts(
        added=len(new.keys() - old.keys()),
        changed=sum(old[key] != new[key] for key in both),
        removed=len(old.keys() - new.keys()),
        unchanged=sum(old[key] == new[key] for key in both),
    )
    left = {key: value for key, value in {**old, **new}.items() if key not in gone or key in new}
    upsert = [{"email": key, "n": n, "v": v} for key, (n, v) in new.items()]
    patched = await revisions.propose_patch(connected.team, base, Patch(upsert, gone), "token:1")
    found = [member async for batch in members_of(connected.db, patched.audience) for member in batch]
    columns = patched.audience.columns
    assert [
        (each.address, *((dict(zip(columns, each.values, strict=True)).get(name, "")) for name in "nv"))
        for each in found
    ] == [(key, *left[key]) for key in left]


async def test_rows_are_held_beside_those_of_the_same_place_however_they_are_written(
    connected: Station, revisions: Revisions
) -> None:
    odd = ["plain", '","', "],[", "\\", ", ", '"], ["', ""]
    old = {f"p{number}@x.test": (str(number), odd[number % 7]) for number in range(360)}
    new = {key: ("other", v) if int(n) % 9 == 0 else (n, v) for key, (n, v) in old.items() if n != "230"}
    new["last@x.test"] = ("", "")
    base, other = await _made(connected, revisions, old), await _made(connected, revisions, new)
    expected = Counts(added=1, changed=40, removed=1, unchanged=319)
    assert await compare(connected.db, base, other) == expected
    async with connected.db.write() as session:
        of_base = select(AudienceBlock).where(AudienceBlock.audience_id == base.id).with_for_update()
        for block in await session.exec(of_base):
            flag_modified(block, "fields")  # written again, with spaces
            session.add(block)
    assert await compare(connected.db, base, other) == expected
    assert await compare(connected.db, other, base) == Counts(added=1, changed=40, removed=1, unchanged=319)


async def _made(station: Station, revisions: Revisions, rows: Mapping[str, tuple[str, str]]) -> Audience:
    proposal: Proposal = await revisions.propose(station.team, None, How.REPLACE, source(_file(rows)), "U1")
    return proposal.audience

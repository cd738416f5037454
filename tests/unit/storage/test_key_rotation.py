import asyncio
from base64 import b64encode
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import select

from bot.suppression.unsubscribe_links import LinkSubject, read_token
from storage import key_rotation, migrations
from storage.database import Database, StorageError
from storage.link_keys import OWN, PURPOSE, link_keys, people_key
from storage.models import Installation, Mailer, SealingCheck, Team
from storage.sealing import KeyRing, UnsealError
from tests.links import link_token

CANARY = "wJalrXUtnFEMI/K7MDENG"
OLD, NEW = {"old": b"1" * 32}, {"new": b"2" * 32}


async def _fill(db: Database, keys: KeyRing, teams: int) -> None:
    """Store a mailer for each team and one installation, with secrets that tell where they belong."""
    now = db.now()
    async with db.write() as session:
        for number in range(teams):
            team, mailer = f"t{number}", f"m{number}"
            session.add(Team(id=team, slack_team_id="T1", channel_id=team, name="n", created_by="U1", created_at=now))
            await session.flush()
            credentials = keys.seal(f"{CANARY} {mailer}", team=team, record=mailer, field="credentials")
            session.add(_mailer(db, id=mailer, team_id=team, connection=mailer, credentials=credentials))
        token = keys.seal(f"{CANARY} i", team="T1", record="i", field="bot_token")
        session.add(_installation(db, id="i", slack_team_id="T1", bot_token=token))
        session.add(_installation(db, id="dead", slack_team_id="T2"))


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite+aiosqlite:///"))


def _mailer(db: Database, **values: object) -> Mailer:
    times = dict.fromkeys(
        ("credentials_at", "connected_at", "access_since", "access_checked_at", "checked_at"), db.now()
    )
    names = dict.fromkeys(("principal_arn", "connected_by", "configuration_set", "topic_arn"), "-")
    return Mailer.model_validate({"account_id": "1", "region": "eu-west-1", **names, **times, **values})


def _installation(db: Database, **values: object) -> Installation:
    return Installation.model_validate(
        {"bot_user_id": "B", "installed_by": "U1", "installed_at": db.now(), "bot_token": None, **values}
    )


async def _opened(db: Database, keys: KeyRing) -> list[tuple[str, str]]:
    """Return the key and the text of every sealed value."""
    async with db.read() as session:
        mailers = (await session.exec(select(Mailer).order_by(Mailer.id))).all()
        installation = await session.get_one(Installation, "i")
    places = [(row.credentials, row.team_id, row.id, "credentials") for row in mailers]
    places.append((installation.bot_token or b"", "T1", "i", "bot_token"))
    return [
        (
            "new" if not keys.needs_rotation(sealed) else "old",
            keys.open(sealed, team=team, record=record, field=field).reveal(),
        )
        for sealed, team, record, field in places
    ]


async def _marks(db: Database) -> list[SealingCheck]:
    async with db.read() as session:
        return [*await session.exec(select(SealingCheck).order_by(SealingCheck.key_id))]


async def test_the_keys_of_the_first_start_are_those_of_every_start(db: Database) -> None:
    await key_rotation.check_keys(db, KeyRing(OLD))
    marks = await _marks(db)
    await key_rotation.check_keys(db, KeyRing(OLD))
    for wrong, says in [
        (KeyRing(NEW), "lacks the key old"),
        (KeyRing({"old": b"3" * 32}), "another key under the id old"),
        (KeyRing({**NEW, "old": b"3" * 32}), "another key under the id old"),
    ]:
        with pytest.raises(StorageError, match=f"MAILROOM_KEYS .*{says}"):
            await key_rotation.check_keys(db, wrong)
    assert await _marks(db) == marks
    assert [mark.key_id for mark in marks] == ["old"]


async def test_a_new_key_before_the_old_one_is_taken(db: Database) -> None:
    await key_rotation.check_keys(db, KeyRing(OLD))
    await key_rotation.check_keys(db, KeyRing(NEW | OLD))
    assert [mark.key_id for mark in await _marks(db)] == ["new", "old"]


async def test_rotation_seals_everything_with_the_newest_key_and_frees_the_old_one(db: Database) -> None:
    await key_rotation.check_keys(db, KeyRing(OLD))
    await _fill(db, KeyRing(OLD), teams=3)
    both = KeyRing(NEW | OLD)
    assert await key_rotation.rotate(db, both) == 4
    assert await _opened(db, KeyRing(NEW)) == [("new", f"{CANARY} {name}") for name in ("m0", "m1", "m2", "i")]
    assert await key_rotation.rotate(db, both) == 0
    await key_rotation.check_keys(db, KeyRing(NEW))


class InterruptedRing(KeyRing):
    """Ends at the seal of this number, as a kill would."""

    left = 0

    def seal(self, plain: str, *, team: str, record: str, field: str) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise InterruptedError
        return super().seal(plain, team=team, record=record, field=field)


async def test_a_rotation_that_is_interrupted_anywhere_leaves_everything_readable_and_goes_on(db: Database) -> None:
    await key_rotation.check_keys(db, KeyRing(OLD))
    await _fill(db, KeyRing(OLD), teams=4)
    links = await link_keys(db, KeyRing(OLD))
    ring = InterruptedRing(NEW | OLD)
    ring.left = 2
    await key_rotation.check_keys(db, ring)
    assert [*links, *KeyRing(NEW).derive(PURPOSE)] == sorted(await link_keys(db, ring), key=lambda key: key[0] == "new")
    for done in range(1, 7):
        ring.left = 1
        with pytest.raises(InterruptedError):
            await key_rotation.rotate(db, ring)
        opened = await _opened(db, ring)
        assert [key for key, _ in opened].count("new") == min(done, 5)
        assert (await link_keys(db, ring))[: len(links) - 1] == links[:1]
        assert [text for _, text in opened] == [f"{CANARY} {name}" for name in ("m0", "m1", "m2", "m3", "i")]
        assert [mark.key_id for mark in await _marks(db)] == ["new", "old"]
    ring.left = 1
    assert await key_rotation.rotate(db, ring) == 1
    assert [mark.key_id for mark in await _marks(db)] == ["new"]


async def test_the_keys_of_links_outlive_the_sealing_keys(db: Database) -> None:
    await key_rotation.check_keys(db, KeyRing(OLD))
    before = await link_keys(db, KeyRing(OLD))
    assert [key_id for key_id, _ in before] == [OWN, "old"]
    assert before[1:] == KeyRing(OLD).derive(PURPOSE)

    assert await key_rotation.rotate(db, KeyRing(NEW | OLD)) == 2

    after = await link_keys(db, KeyRing(NEW))
    assert after[0] == before[0]
    assert {*before} < {*after}
    assert await link_keys(db, KeyRing({**NEW, "older": b"0" * 32})) == [
        *after,
        *KeyRing({"older": b"0" * 32}).derive(PURPOSE),
    ]
    assert len({key for _, key in after}) == len(after)


async def test_the_key_of_erased_addresses_outlives_the_sealing_keys_and_signs_no_link(db: Database) -> None:
    await key_rotation.check_keys(db, KeyRing(OLD))
    before = await people_key(db, KeyRing(OLD))
    links = await link_keys(db, KeyRing(OLD))

    assert await key_rotation.rotate(db, KeyRing(NEW | OLD)) == 3

    assert await people_key(db, KeyRing(NEW)) == before
    assert before not in {key for _, key in links}


async def test_replicas_that_start_at_once_sign_with_one_key(db: Database) -> None:
    found = await asyncio.gather(*(link_keys(db, KeyRing(OLD)) for _ in range(5)))

    assert {tuple(keys) for keys in found} == {tuple(found[0])}


async def test_links_of_an_installation_from_before_work_after_its_first_rotation(empty_database_url: str) -> None:
    """It is rotated before this version was ever started, as somebody may who updates and rotates in one go."""
    link = link_token(KeyRing(OLD).derive(PURPOSE), LinkSubject("a" * 32, "b" * 32, 7))
    engine = create_async_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(migrations.upgrade, "0001")
    await engine.dispose()
    db = Database(empty_database_url)
    await db.start()

    await key_rotation.rotate(db, KeyRing(NEW | OLD))
    keys = await link_keys(db, KeyRing(NEW))
    await db.stop()

    assert read_token(keys, link) == LinkSubject("a" * 32, "b" * 32, 7)
    assert keys[0][0] == OWN


async def test_what_changes_during_a_rotation_is_kept(db: Database) -> None:
    await _fill(db, KeyRing(OLD), teams=1)
    both = KeyRing(NEW | OLD)
    (before, *_) = await key_rotation._stale(db, both)
    changed = both.seal("changed", team="t0", record="m0", field="credentials")
    async with db.write() as session:
        (await session.get_one(Mailer, "m0", with_for_update=True)).credentials = changed
    assert await key_rotation._reseal(db, both, before) == 0
    assert (await _opened(db, both))[0] == ("new", "changed")


async def test_a_value_that_no_key_opens_stops_the_rotation(db: Database) -> None:
    await _fill(db, KeyRing(OLD), teams=1)
    with pytest.raises(UnsealError):
        await key_rotation.rotate(db, KeyRing(NEW))
    assert (await _opened(db, KeyRing(NEW | OLD)))[0] == ("old", f"{CANARY} m0")


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_stolen_file_holds_no_secret(db: Database, database_url: str) -> None:
    await _fill(db, KeyRing(OLD), teams=1)
    await db.stop()
    stolen = _file(database_url).read_bytes()
    plain = CANARY.encode()
    forms = {plain, b64encode(plain)[:-4], plain.hex().encode(), CANARY.encode("utf-16-le"), *OLD.values()}
    assert b"eu-west-1" in stolen
    assert not [form for form in forms if form in stolen]

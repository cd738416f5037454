import copy
import dataclasses
import json
import pickle
import stat
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.sealing import KeyRing, Secret, UnsealError, load_keys

CANARY = "wJalrXUtnFEMI/K7MDENG"
PLACE = {"team": "t1", "record": "r1", "field": "credentials"}


@dataclasses.dataclass(frozen=True)
class Holder:
    name: str
    secret: Secret


def _ring(*key_ids: str) -> KeyRing:
    """A ring whose keys are fixed by their ids."""
    return KeyRing({key_id: key_id.encode().ljust(32, b".") for key_id in key_ids})


def test_a_secret_gives_itself_away_in_no_text() -> None:
    secret = Secret(CANARY)
    holder = Holder("aws", secret)
    texts = [str(secret), repr(secret), f"{secret}", f"{secret:>40}", "%s" % secret, "{}".format(secret), repr(holder)]  # noqa: UP031, UP032 -- each is a way out
    texts += [str([secret]), str(dataclasses.asdict(holder)), str(ValueError(secret))]
    assert not [text for text in texts if CANARY in text]


def test_a_secret_is_neither_pickled_nor_written_as_json() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps({"key": Secret(CANARY)})


def test_a_secret_compares_copies_and_hashes_by_its_text() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY
    assert hash(Holder("aws", Secret("é"))) == hash(Holder("aws", Secret("é")))
    assert copy.deepcopy(Secret(CANARY)).reveal() == copy.copy(Secret(CANARY)).reveal() == CANARY
    assert (bool(Secret("")), bool(Secret("a"))) == (False, True)


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_sealed_opens_in_its_place(plain: str) -> None:
    ring = _ring("a")
    assert ring.open(ring.seal(plain, **PLACE), **PLACE).reveal() == plain


def test_a_value_opens_in_no_other_place() -> None:
    ring = _ring("a")
    names = ("x", "xx", "y")
    places = [{"team": team, "record": record, "field": field} for team, record, field in permutations(names)]
    places += [{"team": "xx", "record": "", "field": "y"}, {"team": "", "record": "xx", "field": "y"}]
    for home in places:
        sealed = ring.seal(CANARY, **home)
        for place in places:
            if place == home:
                assert ring.open(sealed, **place).reveal() == CANARY
            else:
                with pytest.raises(UnsealError):
                    ring.open(sealed, **place)


def test_no_changed_bit_and_no_missing_byte_is_accepted() -> None:
    ring = _ring("a", "b")
    sealed = ring.seal(CANARY, **PLACE)
    changed = [
        sealed[:at] + bytes([sealed[at] ^ 1 << bit]) + sealed[at + 1 :] for at in range(len(sealed)) for bit in range(8)
    ]
    for value in changed + [sealed[:length] for length in range(len(sealed))]:
        with pytest.raises(UnsealError):
            ring.open(value, **PLACE)


def test_sealing_twice_gives_two_values() -> None:
    ring = _ring("a")
    assert len({ring.seal(CANARY, **PLACE) for _ in range(1000)}) == 1000


def test_the_first_key_seals_and_every_key_opens() -> None:
    sealed = _ring("old").seal(CANARY, **PLACE)
    ring = _ring("new", "old")
    assert ring.open(sealed, **PLACE).reveal() == CANARY
    assert ring.needs_rotation(sealed)
    assert not ring.needs_rotation(ring.seal(CANARY, **PLACE))
    with pytest.raises(UnsealError, match="no key old"):
        _ring("new").open(sealed, **PLACE)


def test_another_key_of_the_same_id_opens_nothing() -> None:
    sealed = KeyRing({"a": b"1" * 32}).seal(CANARY, **PLACE)
    with pytest.raises(UnsealError):
        KeyRing({"a": b"2" * 32}).open(sealed, **PLACE)


def test_the_key_id_of_a_value_cannot_be_exchanged() -> None:
    ring = KeyRing({"a": b"1" * 32, "b": b"1" * 32})
    sealed = ring.seal(CANARY, **PLACE)
    with pytest.raises(UnsealError):
        ring.open(sealed.replace(b"a", b"b", 1), **PLACE)


def test_derived_keys_differ_by_purpose_and_key_and_stay_the_same() -> None:
    ring = _ring("new", "old")
    assert [key_id for key_id, _ in ring.derive("unsubscribe")] == ["new", "old"]
    assert ring.derive("unsubscribe") == _ring("new", "old").derive("unsubscribe")
    derived = [key for purpose in ("unsubscribe", "other") for _, key in ring.derive(purpose)]
    assert len({*derived}) == 4
    assert {len(key) for key in derived} == {32}


def test_a_ring_is_read_as_it_is_written() -> None:
    ring = KeyRing.generate()
    assert KeyRing.parse(ring.export().reveal()).derive("x") == ring.derive("x")
    two = _ring("new", "old").export().reveal()
    assert list(KeyRing.parse(f" {two.replace(',', ' , ')}\n")) == ["new", "old"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "entry 1 must be id:base64"),
        (CANARY, "entry 1 must be id:base64"),
        (f"a b:{CANARY}", "entry 1 must be id:base64"),
        (f"a:{CANARY}!", "key of entry 1 is not base64"),
        ("a:é", "key of entry 1 is not base64"),
        ("a:c2hvcnQ=", "key of entry 1 must be 32 bytes, not 5"),
        (f"{_ring('a').export().reveal()},", "entry 2 must be id:base64"),
        (",".join([_ring("a").export().reveal()] * 2), "entry 2 has the id of an entry before it"),
    ],
)
def test_unusable_keys_are_refused_without_showing_them(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        KeyRing.parse(text)
    assert str(caught.value).startswith("MAILROOM_KEYS: ")
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_keys_are_made_once_beside_the_sqlite_file_for_its_owner_only(tmp_path: Path) -> None:
    database = tmp_path / "mailroom.db"
    made = load_keys(Secret(""), database)
    assert stat.S_IMODE((tmp_path / "mailroom.db.keys").stat().st_mode) == 0o600
    assert load_keys(Secret(""), database).derive("x") == made.derive("x")
    assert [file.name for file in tmp_path.iterdir()] == ["mailroom.db.keys"]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_keys(Secret(""), tmp_path / "mailroom.db")
    (tmp_path / "mailroom.db.keys").chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        load_keys(Secret(""), tmp_path / "mailroom.db")


def test_given_keys_go_before_the_file_and_postgresql_needs_them(tmp_path: Path) -> None:
    given_keys = _ring("given").export()
    assert load_keys(given_keys, tmp_path / "mailroom.db").newest == load_keys(given_keys, None).newest == "given"
    assert not [*tmp_path.iterdir()]
    with pytest.raises(ValueError, match="MAILROOM_KEYS is missing"):
        load_keys(Secret(""), None)

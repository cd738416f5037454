"""What is kept of how a file was read."""

import io
import json

import pytest

from bot.broadcast.audience.csv_reader import read_csv
from bot.broadcast.audience.header_detection import Choice
from bot.broadcast.audience.import_summary import CANDIDATES, ImportSummary


def summary(csv: str, **choice: object) -> ImportSummary:
    sheet = read_csv(io.BytesIO(csv.encode()), choice=Choice(**{"can_ask": True, **choice}))  # type: ignore[arg-type]
    for _ in sheet:
        pass
    return ImportSummary.of(sheet)


MANY = ",".join(f"c{number}" for number in range(150)) + "\n" + ",".join(f"c{n}@a.test" for n in range(150)) + "\n"


@pytest.mark.parametrize(
    "csv",
    [
        "email,status\nann@a.test,unsubscribed\nben@a.test,\n",
        "work,private\nann@a.test,ann@b.test\n",
        "ann@a.test,ann@b.test\n",
        MANY,
    ],
)
def test_it_is_stored_and_comes_back_the_same(csv: str) -> None:
    one = summary(csv)
    stored = json.loads(json.dumps(one.to_json()))
    assert ImportSummary.from_json(stored).to_json() == stored == one.to_json()


def test_of_an_audience_that_was_no_file_nothing_is_kept() -> None:
    assert ImportSummary.from_json({}) == ImportSummary()
    assert [*ImportSummary().remarks()] == []


def test_of_very_many_columns_of_addresses_the_best_are_offered_and_the_one_chosen_is_among_them() -> None:
    assert len(summary(MANY).candidates) == CANDIDATES
    chosen = summary(MANY, address_column="c149")
    assert (chosen.choice, len(chosen.candidates)) == ("c149", CANDIDATES)


@pytest.mark.parametrize(("csv", "choice"), [("Name,Mail\nAnn,ann@a.test\n", ""), ("a,b\nx@a.test,x@b.test\n", "a")])
def test_a_column_is_asked_about_only_where_another_could_be_meant(csv: str, choice: str) -> None:
    assert summary(csv).choice == choice


def test_without_a_header_a_column_is_asked_for_by_its_number_whichever_was_taken() -> None:
    csv = "ann@a.test,ann@b.test\nben@a.test,ben@b.test\n"
    assert summary(csv).choice == "column_1"
    second = summary(csv, address_column="column_2")
    assert (second.address_column, second.choice) == ("email", "column_2")
    assert summary(csv, address_column=second.choice).choice == "column_2"


def test_one_marked_row_is_spoken_of_as_one() -> None:
    (remark,) = summary("email,status\nann@a.test,unsubscribed\nben@a.test,\n").remarks()
    assert remark.sentence == "1 row says “unsubscribed” in status: left out."

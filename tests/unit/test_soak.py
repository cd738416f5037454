"""What `make soak` calls growth, and the picture that it draws."""

from xml.etree import ElementTree as ET

import pytest

from tests.soak import MEASURES, Sample, drawn, grown

FLAT = Sample(memory=220, descriptors=70, threads=30, tasks=12, rows=700, clicks=15, answers=8)


def days(**rising: float) -> list[Sample]:
    """Return thirty days in which these rise by so much each day."""
    steps = {name: rising.get(name, 0) for name in MEASURES}
    return [Sample(**{name: getattr(FLAT, name) + day * by for name, by in steps.items()}) for day in range(30)]


@pytest.mark.parametrize(("name", "by"), [("memory", 2), ("descriptors", 0.5), ("threads", 0.5), ("tasks", 2)])
def test_what_rises_every_day_has_grown(name: str, by: float) -> None:
    (found,) = grown(days(**{name: by}))

    assert found.startswith(MEASURES[name].title)


def test_rows_and_waiting_that_rise_have_grown_and_what_stays_has_not() -> None:
    assert len(grown(days(rows=100, clicks=15, answers=15))) == 3
    assert grown(days()) == []
    assert grown([*days()[:15], *days(memory=0.1)[15:]]) == []


def test_the_picture_has_a_line_for_each_measure() -> None:
    picture = ET.fromstring(drawn(days(memory=2)))  # noqa: S314 - our own

    lines = picture.findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [30] * len(MEASURES)

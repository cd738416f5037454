"""The value of a cell as text, as it would stand in a CSV that programs can read."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

Cell = int | float | str | bool | date | datetime | time | timedelta

_DIGITS = 15  # as many as Excel keeps, and shows, of a number
_HALF_A_SECOND = timedelta(microseconds=500_000)


def text_of(cell: Cell) -> str:
    """Return a number with its digits, a day as `2026-06-01`, a moment as in RFC 3339, a bool as `TRUE` or `FALSE`.

    A sheet's times have no zone: they count as UTC, as a day does where it is compared. An error (`#N/A`) is empty.
    """
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, int):  # a bool is one
        return str(cell).upper()
    if isinstance(cell, float):
        return _number(cell)
    return _time(cell)


def _number(value: float) -> str:
    """Return it as a sheet with room shows it: 12 and not 12.0, nor 4.9E+12; 19.99 and not 19.989999999999998."""
    text = format(Decimal(f"{value or 0:.{_DIGITS}g}"), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _time(value: date | datetime | time | timedelta) -> str:
    """Return it to the second: a sheet counts in days, of which a second is no round part."""
    if isinstance(value, timedelta):
        return _length(value)
    if isinstance(value, datetime):
        return f"{_rounded(value).isoformat()}Z"
    if isinstance(value, time):
        return _rounded(datetime.combine(date.min, value)).time().isoformat()
    return value.isoformat()


def _rounded(moment: datetime) -> datetime:
    if moment.microsecond and moment.year < date.max.year:
        moment += _HALF_A_SECOND
    return moment.replace(microsecond=0)


def _length(value: timedelta) -> str:
    """Return a length of time in hours, as `30:00:00`."""
    minutes, seconds = divmod(round(abs(value).total_seconds()), 60)
    return f"{'-' * (value < timedelta())}{minutes // 60}:{minutes % 60:02}:{seconds:02}"

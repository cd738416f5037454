"""The sites that no scenario reaches, and what is borne where a fault is, each with the reason."""

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.faults.sites import Site


@dataclass(frozen=True)
class Listed:
    """`place` is a file and a function, `bot/file.py::Class.method`, with `*` for any."""

    place: str
    reason: str

    def covers(self, site: Site) -> bool:
        return fnmatchcase(site.place, self.place)


def listed(kind: str = "unreached") -> list[Listed]:
    """Return what is listed as `unreached`, or as `borne`."""
    text = (Path(__file__).parent / "unreached.toml").read_text()
    return [Listed(place, each["reason"]) for each in tomllib.loads(text)[kind] for place in each["places"]]

"""What the events of the simulator's mails say, without an address in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

PROBE: Final = "probe"
"""The tag that says which mail an event is about."""

Event = Mapping[str, Any]


def event_of(body: str) -> Event | None:
    """Return the event in a message of the queue; None for anything that is none of ours."""
    try:
        event = json.loads(json.loads(body)["Message"])
        return event if event["eventType"] and event["mail"]["tags"][PROBE][0] else None
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def probe_of(event: Event) -> str:
    return str(event["mail"]["tags"][PROBE][0])


def kind_of(event: Event) -> str:
    """Return its type, of a bounce or complaint with the sub type."""
    kind = str(event["eventType"])
    detail = event.get(kind.lower()) or {}
    more = (detail.get("bounceType"), detail.get("bounceSubType"), detail.get("complaintSubType"))
    return " ".join(filter(None, (kind, *map(_text, more))))


def is_complete(found: Mapping[str, Sequence[Event]], expected: Mapping[str, Sequence[str]]) -> bool:
    return all(set(kinds) <= {kind_of(event) for event in found.get(probe, ())} for probe, kinds in expected.items())


def destinations(events: Iterable[Event]) -> str:
    """Say whose addresses `mail.destination` holds."""
    lists = [event["mail"].get("destination") or [] for event in events]
    if not lists:
        return "none"
    return "the recipient" if all(len(each) == 1 and _is_simulator(each[0]) for each in lists) else "others too"


def named(events: Iterable[Event]) -> str:
    """Say whose addresses bounces and complaints name."""
    people = [
        person.get("emailAddress", "")
        for event in events
        for person in (event.get("bounce") or {}).get("bouncedRecipients", ())
        or (event.get("complaint") or {}).get("complainedRecipients", ())
    ]
    if not people:
        return "none"
    return "the recipient" if all(map(_is_simulator, people)) else "others too"


def has_header(events: Iterable[Event], name: str) -> bool:
    headers = (header for event in events for header in event["mail"].get("headers") or ())
    return any(str(header.get("name")).lower() == name.lower() for header in headers)


def _is_simulator(address: Any) -> bool:
    return str(address).lower().strip("<>").endswith("@simulator.amazonses.com")


def _text(value: Any) -> str:
    return str(value or "")

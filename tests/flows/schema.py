"""Whether JSON is as the API's description says; knows the keywords that stand in it, and no others."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
_NOTES = {"title", "description", "default"}


class Schemas:
    """Args: `description` is an OpenAPI document."""

    def __init__(self, description: Any) -> None:
        self._named = description["components"]["schemas"]

    def faults(self, value: Any, schema: dict[str, Any], at: str = "$") -> Iterator[str]:
        """Name every place where the value is not as described."""
        if not _is(value, schema.get("type")):  # the other keywords are about values of this type
            yield f"{at}: {value!r} is no {schema['type']}"
            return
        for keyword in schema.keys() - _NOTES - {"type"}:
            check = getattr(self, f"_{keyword.lstrip('$')}", None)
            assert check, f"the test does not know {keyword}"
            about = value
            if keyword == "additionalProperties":
                about = {name: one for name, one in value.items() if name not in schema.get("properties", {})}
            yield from check(about, schema[keyword], at)

    def _ref(self, value: Any, wanted: str, at: str) -> Iterator[str]:
        return self.faults(value, self._named[wanted.rpartition("/")[2]], at)

    def _anyOf(self, value: Any, wanted: list[Any], at: str) -> Iterator[str]:  # noqa: N802 - named as the keyword
        if all(any(self.faults(value, one, at)) for one in wanted):
            yield f"{at}: {value!r} is none of {wanted}"

    def _enum(self, value: Any, wanted: list[Any], at: str) -> Iterator[str]:
        if value not in wanted:
            yield f"{at}: {value!r} is none of {wanted}"

    def _const(self, value: Any, wanted: Any, at: str) -> Iterator[str]:
        return self._enum(value, [wanted], at)

    def _format(self, value: str, wanted: str, at: str) -> Iterator[str]:
        assert wanted == "date-time"
        if datetime.fromisoformat(value).utcoffset() != timedelta():
            yield f"{at}: {value!r} is no time in UTC"

    def _items(self, value: list[Any], wanted: Any, at: str) -> Iterator[str]:
        for index, item in enumerate(value):
            yield from self.faults(item, wanted, f"{at}[{index}]")

    def _properties(self, value: dict[str, Any], wanted: Any, at: str) -> Iterator[str]:
        for name in wanted.keys() & value.keys():
            yield from self.faults(value[name], wanted[name], f"{at}.{name}")

    def _required(self, value: dict[str, Any], wanted: list[str], at: str) -> Iterator[str]:
        yield from (f"{at}: {name} is missing" for name in wanted if name not in value)

    def _additionalProperties(self, value: dict[str, Any], wanted: Any, at: str) -> Iterator[str]:  # noqa: N802 - as above
        for name, one in value.items():
            yield from self.faults(one, wanted, f"{at}.{name}") if wanted else (f"{at}: {name} is not described",)

    def _propertyNames(self, value: dict[str, Any], wanted: Any, at: str) -> Iterator[str]:  # noqa: N802 - as above
        for name in value:
            yield from self.faults(name, wanted, f"{at}, a name")


def _is(value: Any, wanted: str | None) -> bool:
    return wanted is None or (isinstance(value, _TYPES[wanted]) and isinstance(value, bool) <= (wanted == "boolean"))


def references(part: Any) -> Iterator[str]:
    """Return every `$ref` in the description."""
    if isinstance(part, dict):
        yield from (part["$ref"],) if "$ref" in part else ()
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)

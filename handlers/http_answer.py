"""What one side of `handlers` answers to a request that the HTTP listener takes for it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    body: str
    headers: Mapping[str, str]

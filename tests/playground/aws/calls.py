"""The record of what was asked of the playground's AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `operation` is `service:Name` as in an IAM policy; `status` is None when the connection was cut
    before the call had an effect. `params` are nested for JSON services and flat for query services."""

    operation: str
    access_key_id: str
    account: str | None
    region: str
    params: Mapping[str, Any]
    status: int | None
    error: str | None
    at: datetime

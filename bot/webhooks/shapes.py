"""What webhooks say of a broadcast, a mailer and an identity: the members that the API has under the same names."""

from datetime import datetime
from typing import Any

from storage.audit import API_TOKEN
from storage.models import Broadcast, Identity, Mailer


def broadcast_shape(row: Broadcast, token_name: str = "") -> dict[str, Any]:
    """`token_name`: of the token that made it, where one did."""
    by_token = row.created_by.startswith(API_TOKEN)
    return {
        "id": row.id,
        "kind": row.kind.value,
        "state": row.state.value,
        "paused_for": list(row.pause_reasons),
        "author": {"kind": "token", "name": token_name} if by_token else {"kind": "person", "name": row.created_by},
        "from": row.from_address,
        "reply_to": row.reply_to or None,
        "subject": row.subject,
        "size": row.size,
        "created_at": rfc3339(row.created_at),
        "start_at": rfc3339(row.start_at),
        "started_at": rfc3339(row.started_at),
        "finished_at": rfc3339(row.finished_at),
        "error": row.error or None,
    }


def mailer_shape(row: Mailer) -> dict[str, Any]:
    return {
        "id": row.id,
        "connection": {
            "account_id": row.account_id,
            "region": row.region,
            "sign_in": row.sign_in.value,
            "connected_at": rfc3339(row.connected_at),
        },
        "access": row.access.value,
        "access_since": rfc3339(row.access_since),
        "access_error": row.access_error or None,
        "missing_action": row.access_action or None,
        "production": row.production.value,
        "sending": row.sending.value,
        "checked_at": rfc3339(row.checked_at),
    }


def identity_shape(row: Identity) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind.value,
        "managed": row.managed,
        "state": row.state.value,
        "since": rfc3339(row.state_since),
        "last_error": row.error_type or None,
        "checked_at": rfc3339(row.checked_at),
    }


def rfc3339(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None

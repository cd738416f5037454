"""What programs are told of a broadcast: by the API, and by webhooks."""

from datetime import datetime
from typing import Any

from storage import Broadcast, Content
from storage.audit import API_TOKEN


def broadcast_shape(row: Broadcast, content: Content | None, token_name: str = "") -> dict[str, Any]:
    """`token_name`: of the token that made it, where one did."""
    by_token = row.created_by.startswith(API_TOKEN)
    return {
        "id": row.id,
        "kind": row.kind.value,
        "state": row.state.value,
        "paused_for": list(row.pause_reasons),
        "author": {"kind": "token", "name": token_name} if by_token else {"kind": "person", "name": row.created_by},
        "content": content.value if content else None,
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


def rfc3339(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None

"""What programs are told of a mailer and an identity: by the API, and by webhooks."""

from dataclasses import asdict
from typing import Any

from bot.mailer.aws_states import awaited_until
from bot.mailer.identity_records import records_of
from bot.webhooks.shapes import rfc3339
from storage import Identity, IdentityState, Mailer


def mailer_shape(row: Mailer) -> dict[str, Any]:
    limit, sent = None if row.max_24_hour_send < 0 else int(row.max_24_hour_send), int(row.sent_last_24_hours)
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
        "quota": {
            "limit": limit,
            "sent": sent,
            "left": None if limit is None else max(0, limit - sent),
            "per_second": row.max_send_rate,
        },
        "checked_at": rfc3339(row.checked_at),
    }


def identity_shape(row: Identity, region: str) -> dict[str, Any]:
    is_pending = row.state is IdentityState.PENDING
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind.value,
        "managed": row.managed,
        "state": row.state.value,
        "since": rfc3339(row.state_since),
        "awaited_until": rfc3339(awaited_until(row.kind, row.pending_since or row.state_since)) if is_pending else None,
        "dns_records": [asdict(record) for record in records_of(row, region)],
        "last_error": row.error_type or None,
        "checked_at": rfc3339(row.checked_at),
    }

"""The secrets of a webhook, and the headers that they make: Standard Webhooks (https://www.standardwebhooks.com)."""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook as Signer

from storage import KeyRing, Secret, Webhook

_SECRET_BYTES: Final = 32
_SECRET, _OLD_SECRET = "secret", "old_secret"


def new_secret() -> Secret:
    return Secret(f"whsec_{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}")


class WebhookSecrets:
    """Seals and opens them; no other code sees them in the clear but to show a new one once."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def seal(self, secret: Secret, *, team_id: str, webhook_id: str, field: str = _SECRET) -> bytes:
        return self._keys.seal(secret.reveal(), team=team_id, record=webhook_id, field=field)

    def replace(self, webhook: Webhook, secret: Secret, old_until: datetime) -> None:
        """Give it this secret; the one it had signs, too, until then."""
        old, place = (
            self._open(webhook, webhook.secret, _SECRET),
            {"team_id": webhook.team_id, "webhook_id": webhook.id},
        )
        webhook.old_secret, webhook.old_secret_until = self.seal(old, **place, field=_OLD_SECRET), old_until
        webhook.secret = self.seal(secret, **place)

    def of(self, webhook: Webhook, now: datetime) -> list[Secret]:
        """Return those that sign now, the newest first."""
        found = [self._open(webhook, webhook.secret, _SECRET)]
        if webhook.old_secret and webhook.old_secret_until and now < webhook.old_secret_until:
            found.append(self._open(webhook, webhook.old_secret, _OLD_SECRET))
        return found

    def _open(self, webhook: Webhook, sealed: bytes, field: str) -> Secret:
        return self._keys.open(sealed, team=webhook.team_id, record=webhook.id, field=field)


def signed_headers(event_id: str, body: str, signing: Sequence[Secret], now: datetime) -> dict[str, str]:
    """Return the headers of an attempt at `now`; each secret makes one signature."""
    signatures = [Signer(secret.reveal()).sign(event_id, now, body) for secret in signing]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }

"""Where a mailer's credentials are sealed and opened; nobody else sees them in the clear."""

import json

from bot.ses.client import AwsKey, AwsSession, SesClients
from storage.models import Mailer
from storage.sealing import KeyRing, Secret

_FIELD = "credentials"


class Vault:
    def __init__(self, keys: KeyRing, clients: SesClients) -> None:
        self._keys = keys
        self._clients = clients

    def seal(self, key: AwsKey, *, team_id: str, mailer_id: str) -> bytes:
        """Return the key sealed for this one row and field; it opens nowhere else."""
        plain = json.dumps([key.access_key_id, key.secret_access_key.reveal()])
        return self._keys.seal(plain, team=team_id, record=mailer_id, field=_FIELD)

    def session(self, mailer: Mailer) -> AwsSession:
        """Return this mailer's way to AWS."""
        sealed = self._keys.open(mailer.credentials, team=mailer.team_id, record=mailer.id, field=_FIELD)
        access_key_id, secret = json.loads(sealed.reveal())
        key = AwsKey(access_key_id, Secret(secret))
        return self._clients.sign_in(mailer.id, mailer.version, key, mailer.region)

"""Seals and opens a mailer's credentials; no other code sees them in the clear."""

import json

from bot.ses.client import AwsSession, SesClients
from bot.ses.credentials import AwsKey, AwsRole, Credentials
from storage import KeyRing, Mailer, Secret, SignIn

_FIELD = "credentials"


class CredentialStore:
    def __init__(self, keys: KeyRing, clients: SesClients) -> None:
        self._keys = keys
        self._clients = clients

    def seal(self, credentials: Credentials, *, team_id: str, mailer_id: str) -> bytes:
        """Return the credentials sealed for this one row and field; they open nowhere else."""
        plain = json.dumps(_fields(credentials))
        return self._keys.seal(plain, team=team_id, record=mailer_id, field=_FIELD)

    def open_session(self, mailer: Mailer) -> AwsSession:
        """Return an AWS session with this mailer's credentials."""
        sealed = self._keys.open(mailer.credentials, team=mailer.team_id, record=mailer.id, field=_FIELD)
        credentials = _credentials(json.loads(sealed.reveal()))
        return self._clients.sign_in(mailer.id, mailer.version, credentials, mailer.region, mailer.connection)


def _fields(credentials: Credentials) -> dict[str, str]:
    if isinstance(credentials, AwsRole):
        fields = {"role_arn": credentials.arn, "external_id": credentials.external_id}
    else:
        fields = {
            "access_key_id": credentials.access_key_id,
            "secret_access_key": credentials.secret_access_key.reveal(),
        }
    return {"kind": credentials.kind, **fields}


def _credentials(fields: dict[str, str]) -> Credentials:
    if fields["kind"] == SignIn.ROLE:
        return AwsRole(fields["role_arn"], fields["external_id"])
    return AwsKey(fields["access_key_id"], Secret(fields["secret_access_key"]))

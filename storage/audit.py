"""Who did what to what: one row an effect, written in the transaction that has it."""

from datetime import datetime
from typing import Any, Final, Literal

from storage.database import Session
from storage.models import Audit

MAILROOM: Final = "mailroom"
"""The actor of what Mailroom does by itself. All others are people, by their Slack user id, or:"""

API_TOKEN: Final = "token:"  # noqa: S105 - a prefix, before the token's id

Action = Literal[
    "api_token.create",
    "api_token.revoke",
    "audience.change",
    "audience.remove",
    "audience.replace",
    "audience.save",
    "audience.undo",
    "broadcast.approve",
    "broadcast.ask",
    "broadcast.cancel",
    "broadcast.change_from",
    "broadcast.confirm",
    "broadcast.copy",
    "broadcast.discard",
    "broadcast.edit",
    "broadcast.expire",
    "broadcast.finish",
    "broadcast.forget",
    "broadcast.go_on",
    "broadcast.hold",
    "broadcast.leave_in_doubt",
    "broadcast.list",
    "broadcast.pause",
    "broadcast.request_changes",
    "broadcast.resend_failed",
    "broadcast.resume",
    "broadcast.send_again",
    "broadcast.start",
    "broadcast.stop",
    "broadcast.test",
    "broadcast.undo",
    "broadcast.withdraw",
    "canvas.create",
    "events.check",
    "identity.add",
    "identity.forwarding_consent",
    "identity.forwarding_off",
    "identity.forwarding_on",
    "identity.replace",
    "identity.retry",
    "incident.acknowledge",
    "mailer.connect",
    "mailer.delete",
    "mailer.reconnect",
    "person.erase",
    "person.export",
    "production.apply",
    "suppression.add",
    "suppression.import",
    "suppression.lift",
    "suppression.remove",
    "team.admins",
    "team.described",
    "team.go_on",
    "team.reach",
    "team.renumbered",
    "team.restore",
    "team.settings",
    "webhook.off",
    "webhook.retry",
    "webhook.save",
]
"""All that is ever written down; each has its words in the history that team admins read."""


def record(
    session: Session,
    team_id: str,
    actor: str,
    action: Action,
    now: datetime,
    subject: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Audit:
    """Add the row and return it. Neither side may hold a secret."""
    row = Audit(
        team_id=team_id,
        at=now,
        actor=actor,
        action=action,
        subject=subject,
        before=before or {},
        after=after or {},
    )
    session.add(row)
    return row

"""Whatever is written down of what was done has words that a team admin reads."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from bot.teams.settings import History
from handlers.slack.views.audit_log import WORDED, history_message
from storage.audit import Action
from storage.models import Audit

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def told(action: str, *, actor: str = "U1", tokens: dict[str, str] | None = None, **row: Any) -> str:
    """Return the line without its time."""
    one = Audit(team_id="t", at=NOW, actor=actor, action=action, **row)
    message = history_message(History([one], {"b1": "Spring"}, tokens or {}))
    return str(message.payload()["blocks"][1]["text"]["text"]).split(" · ", maxsplit=1)[1]


def test_every_action_has_words() -> None:
    assert set(get_args(Action)) == WORDED
    for action in get_args(Action):
        assert "no words" not in told(action), action


@pytest.mark.parametrize(
    ("action", "row", "line"),
    [
        ("broadcast.hold", {"subject": "b1", "after": {"reasons": ["late"]}}, "paused the broadcast “Spring” (late)"),
        ("broadcast.finish", {"subject": "b2"}, "finished the broadcast “of which nothing is left”"),
        (
            "broadcast.send_again",
            {"subject": "b1", "after": {"recipients": 1}},
            "of the broadcast “Spring” (1 recipient)",
        ),
        ("identity.replace", {"subject": "a.test", "after": {"name": "b.test"}}, "replaced a.test by b.test"),
        (
            "team.admins",
            {"before": {"admins": ["U2"]}, "after": {"admins": ["U3"]}},
            "appointed <@U3>, dismissed <@U2>",
        ),
        ("team.reach", {"after": {"reachable": False, "why": "not_in_channel"}}, "in this channel (not in channel)"),
        (
            "team.described",
            {"before": {"name": "a", "private": False}, "after": {"name": "b", "private": True}},
            "saw that the channel is now named #b, is now private",
        ),
        ("suppression.add", {"subject": "<!channel>"}, "suppressed &lt;!channel&gt;"),
        ("an.older_one", {}, "did something that has no words any more"),
    ],
)
def test_the_words_say_what_it_was(action: str, row: dict[str, Any], line: str) -> None:
    assert line in told(action, **row)


def test_it_says_who_it_was() -> None:
    assert told("suppression.add").startswith("<@U1> suppressed")
    assert told("broadcast.start", actor="mailroom").startswith("Mailroom started")
    assert told("suppression.add", actor="token:x", tokens={"x": "mr_abcd…"}).startswith(
        "API token mr_abcd… suppressed"
    )
    assert told("suppression.add", actor="token:x").startswith("an API token that was revoked since suppressed")

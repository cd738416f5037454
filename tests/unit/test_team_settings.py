import pytest

from bot.errors import BotError
from bot.teams.settings import TeamSettings


def test_settings_are_brought_into_their_normal_form() -> None:
    typed = TeamSettings("  Acme   News ", " Answers@ACME.test ", " 1 Spring Lane\nBonn ", ("U2", "U1", "U2"))

    assert typed.checked() == TeamSettings("Acme News", "Answers@acme.test", "1 Spring Lane\nBonn", ("U1", "U2"))


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        (TeamSettings(from_name="Acme\x00News"), "from_name"),
        (TeamSettings(from_name="Acme\u202eNews"), "from_name"),
        (TeamSettings(from_name="A" * 65), "from_name"),
        (TeamSettings(reply_to="answers"), "reply_to"),
        (TeamSettings(postal_address="A" * 301), "postal_address"),
    ],
)
def test_what_cannot_be_used_is_refused_in_its_field(typed: TeamSettings, field: str) -> None:
    with pytest.raises(BotError) as refused:
        typed.checked()
    assert refused.value.field == field


def test_the_mark_tells_settings_apart_and_not_the_order_of_people() -> None:
    assert TeamSettings("Acme").checked().mark != TeamSettings("Acme", senders=("U1",)).checked().mark
    assert TeamSettings(senders=("U1", "U2")).checked().mark == TeamSettings(senders=("U2", "U1")).checked().mark

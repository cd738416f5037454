"""Of one thing a text speaks as of one: no sample of a view or a message has a plural after a 1."""

import re

from handlers.slack.live_samples import samples

_ONE_OF_MANY = re.compile(
    r"(?<![\d.,:-])1 (?:[a-z]+ies|identities|recipients|mails|rows|addresses|broadcasts|others)\b"
)


def test_no_sample_has_a_plural_of_one() -> None:
    shown = samples()
    said = {name: f"{message.text} {message.payload()}" for name, message in shown.messages.items()}
    said |= {name: str(view.to_dict()) for name, view in {**shown.modals, **shown.homes}.items()}

    assert "1 identity" in said["status_card.status_message"]
    assert {name: found for name, text in said.items() if (found := _ONE_OF_MANY.findall(text))} == {}

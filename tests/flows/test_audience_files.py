"""Whose file it is, from the form and from the menu of a message."""

from tests.flows.world import World

CSV = b"email\nann@elsewhere.test\n"


async def test_a_form_that_names_somebody_elses_file_shows_none_of_it(world: World) -> None:
    await world.is_open()
    vault = world.slack.channel("vault", people=[world.ada], private=True, bot_in=True)
    (secret,) = world.ada.says(vault, "our list", files=[("secret.csv", CSV)]).files
    modal = await world.composes(CSV)
    await modal.close()
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    for label, value in {"From": "hello@acme.test", "Subject": "Spring news", "Message": "Hello"}.items():
        modal.fill(label, value)
    block, element = modal._find("Audience CSV")
    before = len(world.slack.calls_of("files.download"))

    modal.put(block, element, [secret])  # as a client that is not Slack's would
    await modal.submit()

    assert "somebody else uploaded it" in modal.errors["Audience CSV"]
    assert len(world.slack.calls_of("files.download")) == before == 1

"""Forms that are older than what they are about."""

from tests.flows.test_production_access import FORM
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.aws.principals import Key
from tests.playground.slack.driver import Person
from tests.playground.slack.surfaces import Modal

STALE = "deleted or reconnected while this form was open, so nothing was done"


async def forms_of(world: World) -> list[Modal]:
    """Every form about the mailer, filled in, each in the hands of another admin."""
    key = world.aws.create_key(user="of a form")
    wanted = (
        ("/mailer delete", "Delete mailer", {"Type the channel name": "news"}),
        ("/mailer identity", "Add identity", {"Email address or domain": "acme.test"}),
        ("/mailer production", "Production access", FORM),
        ("/mailer reconnect", "Reconnect Amazon SES", credentials(key)),
    )
    forms = []
    for number, (command, title, typed) in enumerate(wanted):
        admin = world.slack.person(f"Admin {number}", role="admin")
        world.news.members.add(admin.id)
        form = await world.opens(admin, command, title)
        for label, value in typed.items():
            form.fill(label, value)
        forms.append(form)
    return forms


def credentials(key: Key) -> dict[str, str]:
    return {"Access key ID": key.access_key_id, "Secret access key": key.secret_access_key}


async def deletes(world: World, who: Person) -> None:
    form = await world.opens(who, "/mailer delete", "Delete mailer")
    form.fill("Type the channel name", "news")
    await form.submit()
    await world.settle()


async def nothing_happens(world: World, forms: list[Modal]) -> None:
    stored, asked = await world.everything_stored(), len(world.aws.calls)
    for form in forms:
        await form.submit()
        await world.bot.tasks.idle()
        assert STALE in form.text, form.title
    assert await world.everything_stored() == stored
    assert len(world.aws.calls) == asked


@OVER_HTTP
async def test_a_form_of_a_mailer_that_is_gone_does_nothing_to_the_next_one(world: World) -> None:
    await world.is_connected()
    forms = await forms_of(world)
    await deletes(world, world.ada)
    await world.connects()

    await nothing_happens(world, forms)


@OVER_SOCKET_MODE
async def test_a_form_of_a_mailer_that_was_reconnected_since_does_nothing(world: World) -> None:
    await world.is_connected()
    forms = await forms_of(world)
    form = await world.opens(world.ada, "/mailer reconnect", "Reconnect Amazon SES")
    for label, value in credentials(world.aws.create_key(user="rotated")).items():
        form.fill(label, value)
    await form.submit()
    await world.settle()
    await world.bob.sees(world.news, "Reconnected to AWS account")

    await nothing_happens(world, forms)

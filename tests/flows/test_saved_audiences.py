"""`/broadcast audiences`: people are added, taken out and replaced by a file, seen first, and taken back."""

from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.driver import Person
from tests.playground.slack.surfaces import Modal
from tests.unit.broadcast.workbooks import texts, xlsx

TITLE = "Saved audiences"
MORE = texts(
    ["email", "first_name"], ["ann@elsewhere.test", "Annie"], ["cyd@elsewhere.test", "Cyd"], ["nobody", "Nobody"]
)
JUNE = b"email,first_name,town\nann@elsewhere.test,Ann,Bonn\nben@elsewhere.test,=Ben,\n"


async def saves(world: World, csv: bytes = JUNE, who: Person | None = None) -> None:
    modal = await world.opens(who or world.bob, "/broadcast", "New broadcast")
    typed = {"From": "hello@acme.test", "Subject": "Spring news", "Message": "Hello"}
    for label, value in {**typed, "Audience CSV": ("june.csv", csv), "Save audience as": "June"}.items():
        modal.fill(label, value)
    await modal.submit()
    await world.bot.tasks.idle()
    await modal.close()


async def page(world: World, who: Person | None = None) -> Modal:
    return await world.opens(who or world.bob, "/broadcast audiences", TITLE)


async def presses(world: World, modal: Modal, label: str) -> None:
    await modal.press(label)
    await world.bot.tasks.idle()


async def gives(world: World, modal: Modal, label: str, data: bytes, name: str = "more.csv") -> None:
    """Press a button of an audience, and give the form the file."""
    await presses(world, modal, label)
    assert modal.title == label
    modal.fill("File", (name, data))
    await modal.submit()
    await world.bot.tasks.idle()


async def keeps(world: World, modal: Modal) -> None:
    assert modal.title == "Keep these changes?"
    await modal.submit()
    await world.bot.tasks.idle()


@OVER_SOCKET_MODE
async def test_people_are_added_seen_first_and_taken_back(world: World) -> None:
    await world.is_open()
    await saves(world)
    modal = await page(world)
    assert "Undo" not in modal.buttons
    assert "2 addresses, updated" in modal.text

    await gives(world, modal, "Add people", b"first_name\nCyd\n")
    assert "No column holds addresses" in modal.errors["File"]
    modal.fill("File", ("more.xlsx", xlsx({"Notes": texts(["x"]), "More": MORE})))
    await modal.submit()
    await world.bot.tasks.idle()
    assert "+1 new, 1 changed, 0 gone" in modal.text
    assert "Read from the sheet “More”" in modal.text
    assert "line 4: “nobody” has no @" in modal.text
    before = await page(world, world.ada)
    assert "2 addresses, updated" in before.text  # nothing is kept before somebody says so
    await keeps(world, modal)
    assert "June has 3 addresses now: +1 new, 1 changed, 0 gone." in modal.text
    assert "3 addresses, updated" in modal.text

    await presses(world, before, "Take out")
    assert "This audience has changed meanwhile, so nothing was changed." in before.text

    await presses(world, modal, "Get the list")
    await world.bob.sees(world.bob.dm, "The saved audience June: 3 addresses. The file holds personal data")
    (file,) = [file for one in world.slack.world.visible_messages(world.bob.dm) for file in one.files]
    assert file.content.decode("utf-8-sig").splitlines() == [
        "email,first_name,town",
        "ann@elsewhere.test,Annie,Bonn",
        "ben@elsewhere.test,'=Ben,",
        "cyd@elsewhere.test,Cyd,",
    ]

    modal = await page(world)
    await presses(world, modal, "Undo")
    assert "June is again as it was before. 2 addresses." in modal.text
    assert "Undo" not in modal.buttons


@OVER_HTTP
async def test_people_are_taken_out_and_replaced_but_never_all_of_them(world: World) -> None:
    await world.is_open()
    await saves(world)
    modal = await page(world)

    await gives(world, modal, "Take out", b"email\nANN@elsewhere.test\nben@elsewhere.test\n")
    assert "Nobody would be left in it." in str(modal.errors or modal.text)
    modal = await page(world)
    await gives(world, modal, "Take out", b"email\nANN@elsewhere.test\ndora@elsewhere.test\n")
    assert "+0 new, 0 changed, 1 gone" in modal.text
    await keeps(world, modal)
    assert "1 address, updated" in modal.text

    await gives(world, modal, "Replace", b"email,first_name,town\nben@elsewhere.test,=Ben,\n")
    assert "June stays as it is: the file changes nothing in it." in modal.text
    modal = await page(world)
    await gives(world, modal, "Replace", b"email,plan\nben@elsewhere.test,pro\neve@elsewhere.test,free\n")
    assert "+1 new, 1 changed, 0 gone" in modal.text
    await keeps(world, modal)
    assert "Columns: email, plan" in modal.text


@OVER_HTTP
async def test_what_was_replaced_while_a_form_was_open_is_chosen_as_it_is_now(world: World) -> None:
    await world.is_open()
    await saves(world)
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    for label, value in (("From", "hello@"), ("Subject", "Spring news"), ("Message", "Hello")):
        modal.fill(label, value)
    modal.fill("Saved audience", "June (2)")
    modal.fill("Except", ["June (2)"])
    await saves(world, b"email\ncyd@elsewhere.test\n", world.ada)

    await modal.submit()
    await world.bot.tasks.idle()
    assert "hello@" in modal.errors["From"]
    modal.fill("From", "hello@acme.test")
    modal.fill("Except", [])
    await modal.submit()
    await world.bot.tasks.idle()

    assert modal.title == "Check and send", modal.text
    assert "1 recipient will get “Spring news”" in modal.text

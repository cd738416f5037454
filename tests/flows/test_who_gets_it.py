"""Who of an audience gets a broadcast: only those where, also, except, and except who got."""

from typing import Any

from tests.flows.program import Got, Program
from tests.flows.test_api_drafts import patch
from tests.flows.test_api_sending import create
from tests.flows.world import OVER_SOCKET_MODE, UNDO_SECONDS, World

PEOPLE = "email,first_name,plan,age\nann@a.test,Ann,pro,31\nben@a.test,Ben,free,29\neve@a.test,Eve,PRO,unknown\n"
STAFF = b"email\nann@a.test\n"
PRO = {"all": [{"column": "plan", "op": "is", "value": "pro"}]}


def said(got: Got) -> tuple[int, str, str]:
    """The status, the code, and the member it is about."""
    errors: list[dict[str, Any]] = got.json["errors"]
    return got.status, got.json["code"], errors[0]["parameter"] if errors else ""


def where(column: str, op: str, *value: str) -> dict[str, Any]:
    return {"where": {"all": [{"column": column, "op": op} | ({"value": value[0]} if value else {})]}}


@OVER_SOCKET_MODE
async def test_a_program_says_who_gets_it_and_people_see_the_numbers(world: World, program: Program) -> None:
    await world.is_open()
    await (await world.composes(STAFF, save_as="Staff")).close()
    for given, refusal in (
        ({"where": {"all": [], "any": []}}, (422, "INVALID", "where.all")),
        (where("tier", "is_empty"), (422, "UNKNOWN_COLUMN", "where.all.0.column")),
        (where("age", "over", "9,5"), (422, "FILTER_VALUE", "where.all.0.value")),
        (where("age", "like", "9"), (422, "INVALID", "where.all.0.op")),
        (where("plan", "is", "gold"), (422, "AUDIENCE_NO_RECIPIENTS", "where")),
        ({"except": ["Nobody"]}, (422, "AUDIENCE_UNKNOWN", "except")),
        ({"except_broadcasts": ["0" * 32]}, (422, "BROADCAST_UNKNOWN", "except_broadcasts")),
    ):
        refused = await create(program, mode="draft", audience=PEOPLE, **given)
        assert said(refused) == refusal, refused.raw
    unknown = await create(program, mode="draft", audience=PEOPLE, **where("x", "is_empty"))
    assert unknown.json["candidates"] == ["email", "first_name", "plan", "age"]

    over = {"all": [*PRO["all"], {"column": "age", "op": "over", "value": "18"}]}
    made = await create(program, mode="draft", audience=PEOPLE, where=over)
    assert (made.status, made.json["size"]) == (201, 1), made.raw
    assert [each["sentence"] for each in made.json["warnings"] if each["code"] == "FILTER_NO_VALUE"] == [
        "In 1 row of 3 age is no number like 12.5, so none of them is found by age over “18”."
    ]
    pro = await patch(program, made, made.headers["ETag"], where=PRO)
    assert (pro.json["size"], pro.json["counts"]["pending"]) == (2, 2)
    both = await patch(program, made, pro.headers["ETag"], **{"except": ["staff"]})
    assert (both.status, both.json["size"]) == (200, 1), both.raw

    await world.settle()
    message = await world.bob.sees(world.news, "A draft of API token “Deploy script”")
    await world.bob.press(message, "Check and send")
    await world.bot.tasks.idle()
    modal = await world.bob.modal("Check and send")
    for line in ("3 addresses in the file", "2 of them where plan is “pro”", "1 address of “staff” left out"):
        assert line in modal.text
    await world.confirms(modal)
    await world.passes(UNDO_SECONDS)
    assert [mail.to[0] for mail in world.aws.mails] == ["eve@a.test"]

    others = await create(program, audience=PEOPLE, subject="More", except_broadcasts=[both.json["id"]])
    assert (others.status, others.json["size"]) == (201, 2), others.raw
    everybody = await create(program, mode="draft", audience=None, rows=[{"email": "zoe@z.test"}], also=["Staff"])
    assert everybody.json["size"] == 2
    nobody = await patch(program, everybody, everybody.headers["ETag"], also=None)
    assert nobody.json["size"] == 1

"""The steps of the tour about lists: who comes back, an audience that a program keeps in step, and who is forgotten."""

from typing import Any

import aiohttp

from tests.playground.tour_context import Steps, Tour, adding_to

GROWS: Steps = []
ERASED: Steps = []
FORGOTTEN: Steps = []
DORA = "dora@elsewhere.test"


@adding_to(GROWS)("Who left by mistake comes back on the same page: Subscribe again")
async def comes_back(t: Tour) -> None:
    async with aiohttp.ClientSession() as http, http.post(t.link, data={"subscribe_again": "yes"}) as page:
        assert "You are subscribed again" in await page.text()
        print(f"    POST /u/… subscribe_again=yes answers {page.status}: {t.left} is mailed again")


@adding_to(GROWS)("With a token that Ada made a program adds somebody to a saved audience: the channel sees +1 new")
async def audience_grows(t: Tour) -> None:
    t.token = await t.makes_token("Release script", "draft", "audiences", "people")
    changes = {"upsert": [{"email": DORA, "first_name": "Dora"}, {"email": "ann@elsewhere.test", "first_name": "Anna"}]}
    status, said = await asks(t, "PATCH", "/audiences/Customers", changes)
    assert (status, said["added"], said["changed"], said["size"]) == (200, 1, 1, 6), said
    await t.bob.sees(t.news, "audience “Customers”: +1 new, 1 changed, 0 gone; 6 addresses now")


@adding_to(ERASED)("Somebody asks to be forgotten: the program erases what is known of them")
async def is_to_be_forgotten(t: Tour) -> None:
    status, said = await asks(t, "DELETE", f"/people/{DORA}")
    assert (status, said) == (202, {"state": "erasing"})


@adding_to(FORGOTTEN)("They are forgotten, and no later list brings them back")
async def is_forgotten(t: Tour) -> None:
    status, _ = await asks(t, "GET", f"/people/{DORA}")
    assert status == 404
    status, said = await asks(t, "PATCH", "/audiences/Customers", {"upsert": [{"email": DORA, "first_name": "Dora"}]})
    assert (status, said["rejected"][0]["reason"]) == (200, "was erased"), said


async def asks(t: Tour, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Have the program ask; return status and body."""
    url, headers = f"{t.on.public_url}/api/v1{path}", {"Authorization": f"Bearer {t.token}"}
    async with aiohttp.ClientSession() as http, http.request(method, url, headers=headers, json=body) as answer:
        print(f"    {method} {path} answers {answer.status}")
        return answer.status, await answer.json()

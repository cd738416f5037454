"""The page of the API in a real browser: it is read on a phone too, its links lead somewhere, nothing is fetched."""

from playwright.async_api import Browser, expect

from tests.flows.world import World


async def test_the_api_is_read_without_a_script_on_a_phone(public: tuple[World, Browser]) -> None:
    world, chrome = public
    page = await (await chrome.new_context(viewport={"width": 375, "height": 667})).new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    address = f"http://127.0.0.1:{world.bot.http.port}/api/docs"

    await page.goto(address)

    await expect(page.get_by_role("heading", name="POST /api/v1/broadcasts", exact=True)).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 375
    await page.get_by_role("link", name="PATCH /api/v1/broadcasts/{id}").click()
    await expect(page.get_by_role("heading", name="PATCH /api/v1/broadcasts/{id}")).to_be_in_viewport()
    await page.get_by_role("link", name="BroadcastPatch").first.click()
    await expect(page.get_by_role("heading", name="BroadcastPatch")).to_be_in_viewport()
    assert [url for url in asked if not url.startswith(address)] == []
    assert said == []

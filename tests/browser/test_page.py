"""`make play`, by somebody who clicks. The tests of this file share one play and follow one another."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Locator, Page, expect

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.random_order(disabled=True),
    pytest.mark.timeout(300),
]
LOOK_MS, TRIES = 1_000, 60
CONTROLS = {"button", "textbox", "combobox", "checkbox", "radio", "link", "spinbutton", "searchbox", "dialog"}


async def types(page: Page, text: str) -> None:
    await page.get_by_label("Message or command").fill(text)
    await page.keyboard.press("Enter")


def modal(page: Page, title: str) -> Locator:
    return page.get_by_role("dialog", name=title)


def newest(page: Page, text: str) -> Locator:
    """The last message with this text."""
    return page.locator(".message", has_text=text).last


async def presses(where: Page | Locator, label: str) -> None:
    await where.get_by_role("button", name=label, exact=True).click()


def tomorrow() -> str:
    return f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"


async def sends(page: Page, subject: str, *, people: int, on: str = "") -> Locator:
    """Send a broadcast as a member, or schedule it; the message about it."""
    await page.get_by_label("You are").select_option("bob")
    await types(page, "/broadcast")
    compose = modal(page, "New broadcast")
    await compose.get_by_label("From").fill("hello@acme.test")
    await compose.get_by_label("Subject").fill(subject)
    await compose.get_by_label("Message").fill("Hello")
    rows = b"".join(b"p%d@elsewhere.test\n" % number for number in range(people))
    await compose.get_by_label("Audience CSV").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": b"email\n" + rows}
    )
    if on:
        await compose.get_by_label("Send at").fill(on)
    await presses(compose, "Next")
    await presses(modal(page, "Check and send"), "Schedule" if on else "Send now")
    await expect(modal(page, "On its way")).to_be_visible()
    await page.keyboard.press("Escape")
    return newest(page, f"“{subject}” to {people} recipients")


async def paces(page: Page, a_second: int) -> None:
    """Have AWS take so many recipients a second, and wait for the bot's next look, which says so on the card."""
    await page.get_by_label("A second").fill(str(a_second))
    await presses(page, "Set")

    async def card_says_so() -> None:
        await types(page, "/mailer")
        await expect(newest(page, f"up to {a_second} recipient")).to_be_visible(timeout=LOOK_MS)

    for _ in range(TRIES):
        with suppress(AssertionError):
            return await card_says_so()
    return await card_says_so()


async def every_control_has_a_name(page: Page) -> None:
    """As the browser itself computes names for assistive technology."""
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Accessibility.getFullAXTree")
    nodes = [node for node in tree["nodes"] if not node["ignored"] and node["role"]["value"] in CONTROLS]
    assert len(nodes) > 10
    assert [node for node in nodes if not node["name"]["value"].strip()] == []
    await session.detach()


async def test_a_guest_is_refused_where_only_they_see_it(page: Page) -> None:
    await page.get_by_label("You are").select_option("gus")
    await types(page, "/mailer")
    refusal = newest(page, "guest accounts cannot use it")
    await expect(refusal).to_contain_text("Only visible to you")
    await page.get_by_label("You are").select_option("ada")
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()


async def test_an_admin_connects_with_the_key_of_the_panel(page: Page) -> None:
    await types(page, "/mailer")
    await presses(newest(page, "Not connected yet"), "Connect")
    connect = modal(page, "Connect Amazon SES")
    await connect.get_by_label("AWS region").select_option("eu-west-1")
    await connect.get_by_label("Access key", exact=True).check()
    key = connect.get_by_label("Access key ID")
    await expect(key).to_be_visible()  # the form is drawn again for it, and keeps what was chosen
    await expect(connect.get_by_label("AWS region")).to_have_value("eu-west-1")
    await presses(connect, "Check and connect")
    await expect(key).to_have_accessible_description(re.compile("Please complete this required field"))
    await expect(key).to_be_focused()
    await key.fill(await page.locator("#key-id").input_value())
    await connect.get_by_label("Secret access key").fill(await page.locator("#key-secret").input_value())
    await every_control_has_a_name(page)
    await presses(connect, "Check and connect")
    await expect(connect).to_contain_text("Connected to AWS account 1111-2222-3333")
    await page.keyboard.press("Escape")
    await expect(connect).to_be_hidden()
    await expect(newest(page, "Connected to AWS account 1111-2222-3333")).to_be_visible()


async def test_a_domain_is_added_and_verified_from_the_panel(page: Page) -> None:
    await types(page, "/mailer identity")
    add = modal(page, "Add identity")
    field = add.get_by_label("Email address or domain")
    await expect(field).to_be_focused()
    await field.fill("https://acme.test")
    await page.keyboard.press("Enter")
    await expect(field).to_have_accessible_description(re.compile("type only acme.test"))
    await expect(field).to_have_value("https://acme.test")
    await field.fill("acme.test")
    await presses(add, "Add identity")
    records = newest(page, "Put these records into the DNS of acme.test")
    await expect(records).to_be_visible()
    if await add.is_visible():
        await page.keyboard.press("Escape")
    await presses(page, "Publish DNS records of acme.test")
    await presses(records, "Check now")
    check = modal(page, "Check now")
    await expect(check).to_contain_text("Everything AWS needs is in place")
    await page.keyboard.press("Escape")
    await presses(page, "Verify acme.test")
    await expect(newest(page, "acme.test is verified.")).to_be_visible()


async def test_production_access_is_applied_for_and_granted(page: Page) -> None:
    await types(page, "/broadcast")
    await presses(newest(page, "You can't send broadcasts yet"), "Apply for production access")
    form = modal(page, "Production access")
    await form.get_by_label("Website URL").fill("https://acme.test")
    await form.get_by_label("Contact addresses").fill("ada@acme.test")
    await form.get_by_label("Use case").fill("A monthly letter to customers who asked for it, with a way out.")
    await form.locator("button[type=submit]").click()
    await expect(newest(page, "Applied for production access")).to_be_visible()
    await page.keyboard.press("Escape")
    await presses(page, "Grant production access")
    await expect(newest(page, "broadcasts are open")).to_be_visible()


async def test_a_member_sends_a_broadcast_to_an_uploaded_csv(page: Page) -> None:
    await page.get_by_label("You are").select_option("bob")
    await types(page, "/broadcast")
    compose = modal(page, "New broadcast")
    await compose.get_by_label("From").fill("hello@acme.test")
    await compose.get_by_label("Subject").fill("Spring news")
    await compose.get_by_label("Message").fill("Hello {{first_name|there}},\nspring is here.")
    await every_control_has_a_name(page)
    audience = b"email,first_name\nann@elsewhere.test,Ann\nben@elsewhere.test,\nno address,Nobody\n"
    await compose.get_by_label("Audience CSV").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": audience}
    )
    await presses(compose, "Next")
    check = modal(page, "Check and send")
    await expect(check).to_contain_text("2 recipients")
    await expect(check).to_contain_text("Hello Ann,")
    await presses(check, "Send now")
    await page.keyboard.press("Escape")
    await expect(newest(page, "“Spring news” to 2 recipients is done")).to_be_visible()
    await expect(page.locator("#aws-mails")).to_contain_text("Spring news to ben@elsewhere.test")


@pytest.mark.long
async def test_a_csv_that_is_posted_becomes_the_audience_by_the_menu_of_its_message(page: Page) -> None:
    await page.get_by_label("You are").select_option("bob")
    audience = b"email\nann@elsewhere.test\nben@elsewhere.test\n"
    await page.get_by_label("File to post").set_input_files(
        {"name": "june.csv", "mimeType": "text/csv", "buffer": audience}
    )
    await presses(page, "Send")
    message = newest(page, "june.csv")
    await message.get_by_text("More").click()
    await every_control_has_a_name(page)
    await presses(message, "Use as audience")
    await expect(modal(page, "New broadcast")).to_contain_text("Audience: 2 from june.csv (kept)")
    await presses(modal(page, "New broadcast"), "Choose another")
    await expect(modal(page, "New broadcast").get_by_label("Audience CSV")).to_be_visible()
    await page.keyboard.press("Escape")


async def test_the_unsubscribe_page_works_without_scripts(page: Page, browser: Browser) -> None:
    mail = page.locator("#aws-mails details", has_text="ann@elsewhere.test")
    await mail.locator("summary").click()
    await expect(mail).to_contain_text("Hello Ann,")
    url = await mail.get_by_role("link", name="Unsubscribe page").get_attribute("href")
    plain = await browser.new_context(java_script_enabled=False)
    shown = await plain.new_page()
    await shown.goto(str(url))
    await expect(shown.get_by_role("heading", name="Unsubscribe?")).to_be_visible()
    await shown.get_by_role("button", name="Unsubscribe").click()
    await expect(shown.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    await plain.close()


async def test_what_cannot_be_taken_back_is_asked_first(page: Page) -> None:
    await sends(page, "Later news", people=2, on=tomorrow())
    scheduled = newest(page, "“Later news” to 2 recipients starts")
    asked = modal(page, "Cancel this broadcast?")
    await presses(scheduled, "Cancel broadcast")
    await presses(asked, "Not now")
    await expect(asked).to_be_hidden()
    await presses(scheduled, "Cancel broadcast")
    await presses(asked, "Cancel broadcast")
    await expect(newest(page, "“Later news” to 2 recipients was cancelled.")).to_be_visible()


@pytest.mark.long
async def test_a_revoked_key_raises_the_alarm_and_a_role_takes_its_place(page: Page) -> None:
    await presses(page, "Revoke the access key")
    await presses(newest(page, "What it stops"), "Reconnect")
    form = modal(page, "Reconnect Amazon SES")
    await form.get_by_label("IAM role", exact=True).check()
    external_id = await form.locator("code", has_text=re.compile("^mailroom-")).first.inner_text()
    await page.get_by_label("External ID, from the connect form").fill(external_id)
    await presses(page, "Create")
    arn = page.locator("#role-arn")
    await form.get_by_label("Role ARN").fill(await arn.input_value())
    await presses(form, "Check and connect")
    await expect(form).to_contain_text("account 1111-2222-3333")
    await page.keyboard.press("Escape")
    await expect(newest(page, "Over since")).to_be_visible()


@pytest.mark.long
async def test_reconnecting_in_the_middle_of_a_paused_broadcast_and_resuming_mails_everybody_once(page: Page) -> None:
    await paces(page, 2)
    message = await sends(page, "Slow news", people=9)
    await presses(message, "Pause")
    await expect(message).to_contain_text("is paused")
    await page.get_by_label("You are").select_option("ada")
    await presses(page, "Make a new key")
    await types(page, "/mailer reconnect")
    form = modal(page, "Reconnect Amazon SES")
    await form.get_by_label("Access key", exact=True).check()
    await form.get_by_label("Access key ID").fill(await page.locator("#key-id").input_value())
    await form.get_by_label("Secret access key").fill(await page.locator("#key-secret").input_value())
    await presses(form, "Check and connect")
    await expect(form).to_contain_text("account 1111-2222-3333")
    await page.keyboard.press("Escape")
    await expect(newest(page, "Reconnected to AWS account")).to_be_visible()
    await expect(message).to_contain_text("is paused")

    await presses(message, "Resume")

    await expect(message).to_contain_text("is done")
    mails = page.locator("#aws-mails summary", has_text="Slow news")
    await expect(mails).to_have_count(9)
    assert len(set(await mails.all_inner_texts())) == 9


async def test_the_home_tab_shows_the_team(page: Page) -> None:
    await page.get_by_role("link", name="Home of Mailroom").click()
    await expect(page.get_by_role("heading", name="Home", exact=True)).to_be_visible()
    await expect(page.locator("#home")).to_contain_text("Mailroom in #news")
    await expect(page.get_by_label("Message or command")).to_be_hidden()
    await every_control_has_a_name(page)
    await page.get_by_role("link", name="#news").click()


async def test_nothing_is_cut_off(page: Page) -> None:
    await types(page, "/broadcast")
    await expect(modal(page, "New broadcast")).to_be_visible()
    for width in (375, 1280):
        await page.set_viewport_size({"width": width, "height": 720})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate("document.querySelector('#modal').scrollWidth") <= width
        await every_control_has_a_name(page)
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("Message or command")).to_be_focused()


@pytest.mark.long
async def test_deleting_the_mailer_cancels_what_runs_and_what_is_scheduled(page: Page) -> None:
    await paces(page, 1)
    scheduled = await sends(page, "Scheduled news", people=2, on=tomorrow())
    running = await sends(page, "Running news", people=40)
    await expect(running).to_contain_text("is being sent")
    await page.get_by_label("You are").select_option("ada")
    await types(page, "/mailer delete")
    form = modal(page, "Delete mailer")
    await expect(form).to_contain_text("the scheduled broadcast “Scheduled news” is cancelled")
    await expect(form).to_contain_text("the sending broadcast “Running news” is cancelled")
    await expect(form).to_contain_text("the identity acme.test")
    await form.get_by_label("Type the channel name").fill("news")

    await presses(form, "Delete mailer")

    await expect(form).to_contain_text("The mailer was deleted")
    await page.keyboard.press("Escape")
    await expect(scheduled).to_contain_text("was cancelled")
    await expect(running).to_contain_text("was cancelled")
    await expect(newest(page, "The mailer of this channel was deleted")).to_be_visible()
    mailed = await page.locator("#aws-mails summary", has_text="Running news").count()
    assert mailed < 40
    await types(page, "/mailer")
    await expect(newest(page, "Not connected yet")).to_be_visible()
    assert await page.locator("#aws-mails summary", has_text="Running news").count() == mailed

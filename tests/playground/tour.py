"""`make demo`: the main job, played through by people in a channel. It prints what each of them sees.

Every step waits for something visible; one that does not happen ends the tour with 1 and says which.
"""

import asyncio
import sys
import time

import aiohttp

from tests.playground import tour_lists
from tests.playground.image_host import picture
from tests.playground.readings import counts, until
from tests.playground.stage import ACCOUNT, ROOT, stage
from tests.playground.tour_context import Steps, Tour, adding_to
from tests.playground.webhooks import WebhookPlayground, secret_in

STEPS: Steps = []
step = adding_to(STEPS)
AUDIENCE = 1_200
QUOTA, RATE = 10_000, 300
MOST_IN_DOUBT = 200  # four calls of 50 may be under way at a kill; their events settle them
BOUNCES, COMPLAINS, REFUSED = "gone@elsewhere.test", "cross@elsewhere.test", "ben@elsewhere.test"
SIMULATOR = "success@simulator.amazonses.com"
CASES = ROOT / "tests" / "cases"


@step("A guest types /mailer: a polite refusal that only they see")
async def guest(t: Tour) -> None:
    refusal = await t.asks(t.gus, "/mailer", "guest accounts cannot use it")
    assert refusal.ephemeral
    assert not t.on.slack.messages(t.news)


@step("A member types /mailer: the bot joins, and shows where to start")
async def first_use(t: Tour) -> None:
    card = await t.asks(t.bob, "/mailer", "Not connected yet")
    assert card.buttons == ["Connect"]


@step("An unknown word answers with help")
async def unknown_word(t: Tour) -> None:
    await t.asks(t.bob, "/mailer hepl", "I don't know the word")


@step("/broadcast before anything is set up: what is missing, and the button for it")
async def nothing_yet(t: Tour) -> None:
    refusal = await t.asks(t.bob, "/broadcast", "You can't send broadcasts yet")
    assert refusal.buttons == ["Connect"]


@step("A wrong secret: nothing is stored")
async def wrong_secret(t: Tour) -> None:
    await t.ada.types(t.news, "/mailer connect")
    modal = await t.fills_key("x" * 40)
    await modal.shows("does not belong to this access key ID")


@step("A key that may not use SNS: the missing action is named, with the policy to paste")
async def missing_sns(t: Tour) -> None:
    modal = await t.fills_key(t.key.secret_access_key)
    await modal.shows("Missing: sns:CreateTopic")
    assert not t.on.slack.messages(t.news)


@step("The policy is mended in IAM, and the key is checked again: every permission is ticked, the channel is told")
async def connects(t: Tour) -> None:
    t.on.aws.set_permissions(t.key)
    await asyncio.sleep(t.on.aws.rules.permissions_seconds)  # IAM's own delay
    modal = await t.fills_key(t.key.secret_access_key)
    await modal.shows("Connected to AWS account 1111-2222-3333")
    told = await t.bob.sees(t.news, "Connected to AWS account 1111-2222-3333")
    assert not told.ephemeral


@step("A second connect in the same channel is refused, with the ways on")
async def second_connect(t: Tour) -> None:
    refusal = await t.asks(t.ada, "/mailer connect", "already connected")
    assert refusal.buttons == ["Reconnect", "Delete mailer"]


@step("https:// before a domain: one sentence under the field, nothing is lost")
async def bad_identity(t: Tour) -> None:
    modal = await t.adds("https://acme.test/news")
    assert "type only acme.test" in modal.errors["Email address or domain"]
    modal.fill("Email address or domain", "acme.test")
    await modal.submit()


@step("A domain waits for AWS: the channel has the DNS records, ready to copy")
async def pending(t: Tour) -> None:
    told = await t.bob.sees(t.news, "Put these records into the DNS of acme.test")
    assert "_domainkey.acme.test" in told.text
    assert "Check now" in told.buttons


@step("Check now says which record is missing, and later that all is in place")
async def check_now(t: Tour) -> None:
    message = await t.bob.sees(t.news, "Put these records into the DNS of acme.test")
    await t.bob.press(message, "Check now")
    modal = await t.bob.modal("Check now")
    await modal.shows("missing")
    await t.closes(t.bob)
    t.on.dns.records_from(t.on.ses.identities["acme.test"])
    await t.bob.press(message, "Check now")
    modal = await t.bob.modal("Check now")
    await modal.shows("Everything AWS needs is in place")
    await t.closes(t.bob)


@step("/broadcast while the identity waits: what is awaited, since when, until when")
async def not_verified(t: Tour) -> None:
    refusal = await t.asks(t.bob, "/broadcast", "acme.test cannot send yet")
    assert "and until" in refusal.text


@step("AWS verifies the domain: the channel is told what can be done now")
async def verified(t: Tour) -> None:
    t.on.ses.verify("acme.test")
    await t.bob.sees(t.news, "acme.test is verified.")


@step("/broadcast in the sandbox: done and missing, with the button for the missing step")
async def sandbox(t: Tour) -> None:
    refusal = await t.asks(t.bob, "/broadcast", "in the SES sandbox")
    assert refusal.buttons == ["Apply for production access"]


@step("A test to a stranger in the sandbox is refused by name, before AWS is called")
async def stranger(t: Tour) -> None:
    modal = await t.tests(f"stranger@elsewhere.test, {SIMULATOR}")
    assert "stranger@elsewhere.test" in modal.errors["To"]
    assert not t.mailed("[Test] Spring news")


@step("A test to a verified address and to the simulator goes out")
async def test_mail(t: Tour) -> None:
    await t.tests(f"bob@acme.test, {SIMULATOR}")
    await t.bob.sees(t.news, "Test “Spring news” to 2 recipients is done")
    tests = [mail for mail in t.on.aws.mails if mail.subject == "[Test] Spring news"]
    assert sorted(mail.to[0] for mail in tests) == ["bob@acme.test", SIMULATOR]


@step("Ada applies for production access")
async def applies(t: Tour) -> None:
    modal = await t.opens(t.ada, "/mailer production", "Production access")
    modal.fill("Website URL", "acme")
    modal.fill("Contact addresses", "ada@acme.test")
    modal.fill("Use case", "A monthly letter to customers who asked for it; each mail has an unsubscribe link.")
    await modal.submit()
    assert "not a web address" in modal.errors["Website URL"]
    modal.fill("Website URL", "https://acme.test")
    await modal.submit()
    await t.bob.sees(t.news, "Applied for production access")


@step("AWS grants it: broadcasts are open")
async def granted(t: Tour) -> None:
    t.on.ses.grant_production(quota=QUOTA, rate=RATE)
    await t.bob.sees(t.news, "broadcasts are open")


@step("The quota is nearly used up: a test over it is refused with the numbers")
async def quota(t: Tour) -> None:
    t.on.ses.set_quota(max_24h=QUOTA, rate=RATE, sent=QUOTA - 1)
    await t.is_read_again()
    modal = await t.tests("ann@elsewhere.test, ben@elsewhere.test")
    await modal.shows("1 of the daily quota of 10,000 is left")
    assert modal.value("To") == "ann@elsewhere.test, ben@elsewhere.test"
    t.on.ses.set_quota(max_24h=QUOTA, rate=RATE, sent=100)
    await t.is_read_again()


@step("A CSV without an address column: one sentence, and what was typed stays")
async def bad_csv(t: Tour) -> None:
    modal = await t.composes(b"first_name,town\nAnn,Bonn\n")
    assert "address" in modal.errors["Audience CSV"]
    assert modal.value("Subject") == "Spring news"


@step("Contacts as Outlook exports them, 92 columns, and as Google does, two of them with addresses: both are taken")
async def exports(t: Tour) -> None:
    for name in ("02_outlook_contacts.csv", "01_google_contacts.csv"):
        await t.composes((CASES / name).read_bytes())
        modal = await t.bob.modal("Check and send")
        await modal.shows("3 recipients")
        await t.closes(t.bob)


@step("A good one: counts, rejected rows with their lines, and how it reads")
async def confirmation(t: Tour) -> None:
    await t.composes(audience("not an address,Nobody", "person7@elsewhere.test,Again"))
    modal = await t.bob.modal("Check and send")
    for text in ("1,200 recipients", "line 1202", "line 1203", "Hello Person 0,", "about 4 seconds"):
        await modal.shows(text)


@step("Back: the form again, filled, with the audience kept; a word is changed")
async def back(t: Tour) -> None:
    modal = await t.bob.modal("Check and send")
    await modal.press("Back")
    form = await t.bob.modal("New broadcast")
    await form.shows("Audience: 1,200 from people.csv (kept)")
    form.fill("Preheader", "All that is new at Acme")
    await form.submit()
    await t.bob.modal("Check and send")


@step("Mail me one: a recipient's very mail, to oneself")
async def mails_one(t: Tour) -> None:
    modal = await t.bob.modal("Check and send")
    await modal.press("Mail me one")
    above = await t.bob.modal("Mail me one")
    above.fill("Send to", "hello@acme.test")
    await above.submit()
    await above.shows("The test is on its way to 1 address")
    await until(lambda: len(t.mailed_one()) == 1)
    await above.close()


@step("Send now, and Undo within the time for it: nothing goes out")
async def undo(t: Tour) -> None:
    await t.confirms()
    message = await t.bob.sees(t.news, "“Spring news” to 1,200 recipients starts")
    await t.bob.press(message, "Undo")
    await t.bob.sees(t.news, "Taken back, nothing was sent")
    assert t.mailed("Spring news") == len(t.mailed_one()) == 1


@step("Edit: another subject for the same audience")
async def edits(t: Tour) -> None:
    await t.bob.press(await t.bob.sees(t.news, "Taken back, nothing was sent"), "Edit")
    form = await t.bob.modal("New broadcast")
    await form.shows("Audience: 1,200 from people.csv (kept)")
    form.fill("Subject", "Summer news")
    await form.submit()
    await (await t.bob.modal("Check and send")).shows("1,200 recipients will get “Summer news”")


@step("Ada has a program told by a webhook: its secret is shown once, and a test is taken")
async def sets_up_a_webhook(t: Tour) -> None:
    await (await t.opens(t.ada, "/mailer settings", "Settings")).press("Webhook")
    form = await t.ada.modal("Webhook")
    form.fill("Webhook address", t.hooks.address)
    await form.submit()
    await form.shows("whsec_")
    t.secret = secret_in(form.text)
    await (await t.opens(t.ada, "/mailer settings", "Settings")).press("Webhook")
    await (await t.ada.modal("Webhook")).press("Send a test")
    await (await t.ada.modal("Send a test")).shows("Taken: 204")


@step("This time it goes; Pause in the middle: nothing goes out any more")
async def pauses(t: Tour) -> None:
    t.on.ses.outcome(BOUNCES, "BOUNCE")
    t.on.ses.outcome(COMPLAINS, "COMPLAINT")
    await t.confirms()
    message = await t.bob.sees(t.news, "“Summer news” to 1,200 recipients is being sent")
    await until(lambda: t.mailed("Summer news") >= AUDIENCE // 4)
    await t.bob.press(message, "Pause")
    await t.bob.sees(t.news, "“Summer news” to 1,200 recipients is paused")


@step("Resume, and kill -9 a little later; started again it goes on, and the report adds up")
async def sends(t: Tour) -> None:
    message = await t.bob.sees(t.news, "“Summer news” to 1,200 recipients is paused")
    before = t.mailed("Summer news")
    await t.bob.press(message, "Resume")
    await until(lambda: t.mailed("Summer news") >= before + AUDIENCE // 4)
    await t.on.bot.kill()
    await t.on.bot.start()
    await t.on.slack.connected()
    done = await t.bob.sees(t.news, "“Summer news” to 1,200 recipients is done", timeout=60)
    assert sum(counts(done).values()) == AUDIENCE, f"{counts(done)} do not add up to {AUDIENCE}"


@step("What came back: one bounce, one complaint, and nobody has it twice")
async def report(t: Tour) -> None:
    message = await t.bob.sees(t.news, "“Summer news” to 1,200 recipients is done")
    await t.on.slack.settled(lambda: counts(message).get("delivered", 0) >= AUDIENCE - 2 - MOST_IN_DOUBT)
    await t.on.slack.settled(lambda: {"bounced", "complained"} <= set(counts(message)))
    receivers = [mail.to[0] for mail in t.on.aws.mails if mail.subject == "Summer news"]
    assert len(receivers) == len(set(receivers)), "somebody was mailed twice"
    assert len(receivers) >= AUDIENCE - counts(message).get("in doubt", 0), (
        "somebody was neither mailed nor is in doubt"
    )
    assert sum(counts(message).values()) == AUDIENCE


@step("A recipient unsubscribes with one click; opening the link alone does nothing")
async def unsubscribes(t: Tour) -> None:
    mail = next(mail for mail in t.on.aws.mails if mail.subject == "Summer news" and mail.to[0].startswith("person"))
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = mail.headers["List-Unsubscribe"].strip("<>")
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as page:
            assert "Unsubscribe?" in await page.text()
            print(f"    GET /u/… answers {page.status}: a page that asks “Unsubscribe?”")
        async with http.post(url, data={"List-Unsubscribe": "One-Click"}) as done:
            assert done.status == 200
            print(f"    POST /u/… List-Unsubscribe=One-Click answers {done.status}: {mail.to[0]} is unsubscribed")
    t.left, t.link = mail.to[0], url


@step("The next broadcast leaves out who left, who complained, and the address that is gone")
async def left_out(t: Tour) -> None:
    t.on.ses.outcome(REFUSED, "REJECT")
    people = [f"{t.left},Pat", f"{BOUNCES},Gone", f"{COMPLAINS},Cross", "ann@elsewhere.test,Ann", f"{REFUSED},Ben"]
    await t.composes("\n".join(["email,first_name", *people]).encode(), subject="Autumn news", save_as="Customers")
    modal = await t.bob.modal("Check and send")
    await modal.shows("3 suppressed addresses left out")
    await t.confirms()
    await t.bob.sees(t.news, "“Autumn news” to 5 recipients is done", timeout=30)
    assert [mail.to[0] for mail in t.on.aws.mails if mail.subject == "Autumn news"] == ["ann@elsewhere.test", REFUSED]


@step("One mail failed for what AWS saw in it; that over, Resend failed goes to this one recipient alone")
async def resends(t: Tour) -> None:
    message = await t.bob.sees(t.news, "“Autumn news” to 5 recipients is done")
    await t.on.slack.settled(lambda: "Resend failed" in message.buttons)
    t.on.ses.outcome(REFUSED, None)
    await t.bob.press(message, "Resend failed")
    modal = await t.bob.modal("Resend failed")
    await modal.shows("1 recipient whose mail failed will get “Autumn news” once more")
    await modal.submit()
    await t.on.slack.settled(lambda: "2 delivered" in message.text, timeout=30)
    assert [mail.to[0] for mail in t.on.aws.mails if mail.subject == "Autumn news"][2:] == [REFUSED]


@step("Get the list: what became of each recipient, as a file that only Bob gets")
async def gets_the_list(t: Tour) -> None:
    await t.bob.press(await t.bob.sees(t.news, "“Autumn news” to 5 recipients is done"), "Get the list")
    await t.bob.sees(t.bob.dm, "The list of “Autumn news”")

    def files() -> list[bytes]:
        return [file.content for each in t.on.slack.world.visible_messages(t.bob.dm) for file in each.files]

    await t.on.slack.settled(lambda: len(files()) == 1)
    assert f"{REFUSED},delivered".encode() in files()[0]


@step("/broadcast list: everything sent so far, newest first")
async def lists(t: Tour) -> None:
    page = await t.asks(t.bob, "/broadcast list", "Autumn news")
    assert page.ephemeral
    assert page.text.index("Autumn news") < page.text.index("Summer news")


@step("Use again: the form, filled with what went out before")
async def uses_again(t: Tour) -> None:
    await t.bob.press(await t.bob.sees(t.news, "“Autumn news” to 5 recipients is done"), "Use again")
    form = await t.bob.modal("New broadcast")
    assert (form.value("Subject"), form.value("From")) == ("Autumn news", "hello@acme.test")
    await t.closes(t.bob)


@step("The webhook has heard of the broadcast's way in order, and of the bounce, signed")
async def hears_of_a_bounce(t: Tour) -> None:
    def way() -> list[str]:
        return [each.type for each in t.hooks.taken if each.data.get("broadcast", {}).get("subject") == "Summer news"]

    await until(lambda: any(each.type == "delivery.bounced" for each in t.hooks.taken))
    await until(lambda: "broadcast.done" in way())
    bounced = [each.data["items"] for each in t.hooks.taken if each.type == "delivery.bounced"]
    assert [item["address"] for items in bounced for item in items] == [BOUNCES]
    assert all(each.is_signed_by(t.secret) for each in t.hooks.taken)
    assert way() == [f"broadcast.{state}" for state in ("scheduled", "sending", "paused", "sending", "done")]


@step("Ada has every broadcast approved; Bob asks for one with a picture, and may not approve his own")
async def asks_for_approval(t: Tour) -> None:
    settings = await t.opens(t.ada, "/mailer settings", "Settings")
    settings.fill("Approval", "Always")
    settings.fill("Approvers", [t.ada, t.bob])
    await settings.submit()
    await t.bob.sees(t.news, "changed the approval of broadcasts")
    await t.composes(b"email,first_name\nann@elsewhere.test,Ann\n", subject="Winter news", image=picture((600, 300)))
    await t.confirms()
    request = await t.bob.sees(t.news, "asks to send Winter news")
    await t.bob.press(request, "Approve and send")
    refusal = await t.bob.sees(t.news, "somebody else must approve it")
    assert refusal.ephemeral
    assert not t.mailed("Winter news")


@step("Ada approves: it goes, to that audience and with those words")
async def approves(t: Tour) -> None:
    await t.ada.press(await t.ada.sees(t.news, "asks to send Winter news"), "Approve and send")
    await until(lambda: t.mailed("Winter news") == 1)
    (mail,) = (mail for mail in t.on.aws.mails if mail.subject == "Winter news")
    assert [part.content_type for part in mail.attachments] == ["image/png"]


STEPS += tour_lists.GROWS


@step("The program asks to mail to that audience: Ada, who made the token, may not approve it, Bob does")
async def program_asks(t: Tour) -> None:
    given = {
        "mode": "ask",
        "from": "hello@acme.test",
        "subject": "Version 2",
        "markdown": "Hello {{first_name|there}}, **it is out**.",
        "saved_audience": "Customers",
    }
    status, said = await tour_lists.asks(t, "POST", "/broadcasts", given)
    assert status == 201, said
    request = await t.bob.sees(t.news, "API token “Release script” asks to send Version 2")
    await t.ada.press(request, "Approve and send")
    assert (await t.ada.sees(t.news, "somebody else must approve it")).ephemeral
    await t.bob.press(request, "Approve and send")
    await until(lambda: t.mailed("Version 2") == 4)
    mailed = {mail.to[0] for mail in t.on.aws.mails if mail.subject == "Version 2"}
    assert mailed == {t.left, tour_lists.DORA, "ann@elsewhere.test", REFUSED}


STEPS += tour_lists.ERASED


@step("Somebody revokes the key: one alert, with what mends it")
async def access_lost(t: Tour) -> None:
    t.on.aws.revoke(t.key)
    t.alert = await t.bob.sees(t.news, "AWS no longer accepts Mailroom's credentials")
    assert t.alert.buttons == ["Reconnect", "Delete mailer", "Acknowledge"]


@step("Nothing is sent meanwhile, and every question is still answered")
async def while_lost(t: Tour) -> None:
    await t.asks(t.bob, "/broadcast", "Mailroom has lost its access to AWS")
    await t.asks(t.bob, "/mailer", "nothing can be sent")


@step("A member presses Delete mailer: refused, where only they see it")
async def member_deletes(t: Tour) -> None:
    assert t.alert
    await t.bob.press(t.alert, "Delete mailer")
    refusal = await t.bob.sees(t.news, "Only team admins can do this")
    assert refusal.ephemeral


@step("Ada presses Reconnect and gives a new key: the alert ends, everything else stays")
async def reconnects(t: Tour) -> None:
    t.key = t.on.aws.create_key(ACCOUNT, user="mailroom-2")
    assert t.alert
    await t.closes(t.ada)
    await t.ada.press(t.alert, "Reconnect")
    modal = await t.ada.modal("Reconnect Amazon SES")
    modal.fill("Access key ID", t.key.access_key_id)
    modal.fill("Secret access key", t.key.secret_access_key)
    await modal.submit()
    await t.bob.sees(t.news, "Reconnected to AWS account 1111-2222-3333")
    await t.bob.sees(t.news, "Over since")


@step("Another domain fails its verification: an alert with Retry and Replace")
async def verification_fails(t: Tour) -> None:
    await t.closes(t.ada)
    await t.adds("shop.test")
    await t.bob.sees(t.news, "Put these records into the DNS of shop.test")
    t.on.ses.fail("shop.test", error="HOST_NOT_FOUND")
    t.alert = await t.bob.sees(t.news, "AWS could not verify shop.test")
    assert t.alert.buttons == ["Retry verification", "Replace identity", "Acknowledge"]


@step("Retry verification: deleted and created again at AWS, with new records to publish")
async def retries(t: Tour) -> None:
    await t.closes(t.ada)
    old = t.on.ses.identities["shop.test"].tokens
    assert t.alert
    await t.ada.press(t.alert, "Retry verification")
    await t.ada.sees(t.news, "shop.test was created again at AWS")
    new = t.on.ses.identities["shop.test"].tokens
    assert not set(old) & set(new)
    await t.bob.sees(t.news, f"{new[0]}._domainkey.shop.test")


@step("It fails again: Replace identity takes another one, and the old one is gone at AWS")
async def replaces(t: Tour) -> None:
    before = await t.ada.sees(t.news, "shop.test was created again at AWS")
    t.on.ses.fail("shop.test", error="HOST_NOT_FOUND")
    alert = await t.ada.sees(t.news, "AWS could not verify shop.test", after=before)
    await t.ada.press(alert, "Replace identity")
    modal = await t.ada.modal("Replace identity")
    modal.fill("Email address or domain", "hello@shop.test")
    await modal.submit()
    await t.bob.sees(t.news, "One click left for hello@shop.test")
    assert "shop.test" not in t.on.ses.identities
    t.on.ses.verify("hello@shop.test")
    await t.bob.sees(t.news, "hello@shop.test is verified.")


STEPS += tour_lists.FORGOTTEN


@step("The dashboard: every team of the viewer, with the same card")
async def dashboard(t: Tour) -> None:
    home = await t.bob.opens_home()
    assert "#news" in home.text
    assert "of 10,000 sent in the last 24 hours" in home.text


@step("The status card: all is well, and events come back")
async def status(t: Tour) -> None:
    card = await t.asks(t.bob, "/mailer", "You can send broadcasts")
    assert "Works, by the queue at AWS" in card.text
    await until(lambda: t.mailed("Mailroom self-test") > 0)  # a minute after connecting: until then a queue may be new
    assert "of 10,000 sent in the last 24 hours" in card.text


def audience(*further_rows: str) -> bytes:
    """Return a CSV of AUDIENCE people, one of whom is gone and one of whom complains, and these rows after them."""
    rows = [f"person{number}@elsewhere.test,Person {number}" for number in range(AUDIENCE - 2)]
    return "\n".join(["email,First name", *rows, f"{BOUNCES},Gone", f"{COMPLAINS},Cross", *further_rows]).encode()


async def main() -> int:
    """Play every step; return the exit code."""
    began = time.monotonic()
    done = 0
    async with WebhookPlayground() as hooks, stage() as on:
        t = Tour(on, hooks)
        shown = 0
        for title, play in STEPS:
            print(f"\n[{done + 1}/{len(STEPS)}] {title}", flush=True)
            at = time.monotonic()
            try:
                await play(t)
            except Exception as error:  # noqa: BLE001 - whatever it is, the step did not happen
                print(on.slack.transcript())
                print(f"\nthis step did not happen: {title}\n{type(error).__name__}: {error}\n\n{on.bot.log()[-4000:]}")
                break
            finally:
                lines = on.slack.transcript().splitlines()
                print("\n".join(f"    {line}" for line in lines[shown:]))
                shown = len(lines)
            done += 1
            print(f"    ({time.monotonic() - at:.1f} s)")
    print(f"\ntour: {done} of {len(STEPS)} steps, {time.monotonic() - began:.0f} s")
    return 0 if done == len(STEPS) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

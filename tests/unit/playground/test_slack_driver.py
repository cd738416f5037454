from __future__ import annotations

from datetime import UTC, datetime

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.playground.slack import Channel, InvalidAck, NotAcked, NotSeen, NotThere, Person, SlackPlayground
from tests.playground.slack.editor import rich_text
from tests.playground.slack.posting import edit
from tests.playground.slack.views import push

from .slack_app import TinyApp, choices, field, modal, plain, section


@pytest.fixture
def ada(slack: SlackPlayground) -> Person:
    return slack.person("Ada", role="admin")


@pytest.fixture
def bob(slack: SlackPlayground) -> Person:
    return slack.person("Bob")


@pytest.fixture
def news(slack: SlackPlayground, ada: Person, bob: Person) -> Channel:
    return slack.channel("news", people=[ada, bob], bot_in=True)


@pytest.mark.usefixtures("app")
async def test_a_command_is_answered_to_the_asker_alone(ada: Person, bob: Person, news: Channel) -> None:
    await ada.types(news, "/mailer help")

    answer = await ada.sees(news, "Say /mailer connect")
    assert answer.ephemeral
    assert not bob.reads(news)


async def test_a_command_carries_the_fields_that_slack_sends(app: TinyApp, ada: Person, news: Channel) -> None:
    await ada.types(news, "/mailer card")
    (body,) = app.payloads("command")
    assert body["command"] == "/mailer"
    assert body["text"] == "card"
    assert body["channel_name"] == "news"
    assert body["user_id"] == ada.id
    assert body["team_id"] == news.workspace.id
    assert body["trigger_id"]
    assert body["response_url"].startswith("http://127.0.0.1")


async def test_a_private_channel_is_called_privategroup(app: TinyApp, slack: SlackPlayground, ada: Person) -> None:
    secret = slack.channel("secret", people=[ada], private=True)
    await ada.types(secret, "/mailer help")
    assert app.payloads("command")[0]["channel_name"] == "privategroup"


async def test_a_form_is_filled_by_its_labels_and_submitted(app: TinyApp, ada: Person, news: Channel) -> None:
    await ada.types(news, "/mailer connect")
    form = await ada.modal("Connect")
    form.fill("AWS region", "eu")
    form.fill("Role ARN", "arn:aws:iam::1:role/x")
    await form.choose("Sign in with", "IAM role")
    await form.shows("External ID: abc")

    assert form.value("Role ARN") == "arn:aws:iam::1:role/x"  # what was typed outlives a redraw
    assert await form.submit() is None

    (body,) = app.payloads("submitted")
    values = body["view"]["state"]["values"]
    assert values["region"]["pick"]["selected_option"]["value"] == "eu-west-1"
    assert values["kind"]["pick"]["selected_option"]["text"]["text"] == "IAM role"
    assert values["arn"]["typed"] == {"type": "plain_text_input", "value": "arn:aws:iam::1:role/x"}


async def filled_form(ada: Person, news: Channel) -> object:
    await ada.types(news, "/mailer connect")
    form = await ada.modal("Connect")
    form.fill("AWS region", "eu-west-1")
    form.fill("Role ARN", "arn")
    await form.choose("Sign in with", "Access key")
    await form.shows("External ID")
    return form


async def test_slacks_client_refuses_an_empty_field_by_itself(app: TinyApp, ada: Person, news: Channel) -> None:
    await ada.types(news, "/mailer connect")
    form = await ada.modal("Connect")
    form.fill("Role ARN", "x" * 61)
    assert await form.submit() is not None
    assert form.errors == {
        "AWS region": "Please complete this required field.",
        "Sign in with": "Please complete this required field.",
        "Role ARN": "Enter at most 60 characters.",
    }
    assert not app.payloads("submitted")


async def test_errors_update_push_and_clear(app: TinyApp, ada: Person, news: Channel) -> None:
    await filled_form(ada, news)
    form = await ada.modal("Connect")

    app.answer = {"response_action": "errors", "errors": {"arn": "That role is not there."}}
    assert await form.submit() is not None
    assert form.errors == {"Role ARN": "That role is not there."}
    assert "! That role is not there." in form.text

    checking = modal("Checking", section("one moment"), callback_id="form")
    app.answer = {"response_action": "push", "view": {**checking, "submit": plain("Go")}}
    pushed = await form.submit()
    assert pushed
    assert pushed.title == "Checking"

    app.answer = {
        "response_action": "update",
        "view": modal("Done", section("all good"), submit=plain("OK"), callback_id="form"),
    }
    done = await pushed.submit()
    assert done
    assert done.text == "Done\nall good\n[Cancel] [OK]"
    assert done.view.id == pushed.view.id

    app.answer = {"response_action": "clear"}
    assert await done.submit() is None


async def test_an_error_that_names_no_input_is_no_answer(app: TinyApp, ada: Person, news: Channel) -> None:
    await filled_form(ada, news)
    form = await ada.modal("Connect")
    app.answer = {"response_action": "errors", "errors": {"nowhere": "?"}}
    with pytest.raises(InvalidAck):
        await form.submit()
    app.answer = {"response_action": "update", "view": modal("x" * 25, section("y"))}
    with pytest.raises(InvalidAck):
        await form.submit()


async def test_closing_tells_the_app_where_it_asked_for_it(app: TinyApp, ada: Person, news: Channel) -> None:
    await ada.types(news, "/mailer connect")
    form = await ada.modal("Connect")
    await form.close()
    assert ada.top_modal is None
    assert len(app.payloads("closed")) == 1


async def test_a_button_edits_its_message(
    app: TinyApp, slack: SlackPlayground, ada: Person, bob: Person, news: Channel
) -> None:
    await ada.types(news, "/mailer card")
    card = await bob.sees(news, "Mail from example.com is <ready>")
    assert card.buttons == ["Check now", "Delete", "Docs"]
    await bob.press(card, "Check now")
    await ada.sees(news, "checked")
    assert card.edited

    (body,) = app.payloads("check")
    assert body["container"]["message_ts"] == card.ts
    assert body["actions"][0]["value"] == "card:1"
    assert body["user"]["id"] == bob.id
    assert "(edited)" in slack.transcript()


async def test_a_confirmation_is_recorded_and_may_be_declined(app: TinyApp, ada: Person, news: Channel) -> None:
    await ada.types(news, "/mailer card")
    card = await ada.sees(news, "Mail from")
    await ada.press(card, "Delete", confirm=False)
    assert ada.last_confirm == "Sure?\nIt is gone then.\n[Keep] [Delete]"
    assert not app.payloads("delete")
    await ada.press(card, "Delete")
    await ada.slack.settled(lambda: card.message.deleted)


async def test_a_link_button_leads_somewhere_and_tells_the_app(app: TinyApp, ada: Person, news: Channel) -> None:
    await ada.types(news, "/mailer card")
    await ada.press(await ada.sees(news, "Mail from"), "Docs")
    assert ada.last_link == "https://example.com/docs"
    assert len(app.payloads("docs")) == 1


@pytest.mark.usefixtures("app")
async def test_a_response_url_speaks_to_one_person(ada: Person, bob: Person, news: Channel) -> None:
    await ada.types(news, "/mailer whisper")
    whisper = await ada.sees(news, "only you")
    assert whisper.text == "only you: a link (https://example.com), @Ada"
    assert not bob.reads(news)


async def test_the_home_tab_is_published_and_pressed(app: TinyApp, ada: Person) -> None:
    home = await ada.opens_home()
    assert ada.home == "Dashboard 1\n[Check now]"
    await home.press("Check now")
    await ada.opens_home()
    assert "Dashboard 2" in ada.home
    assert app.payloads("loading")[0]["view"]["type"] == "home"


@pytest.mark.usefixtures("app")
async def test_no_acknowledgement_in_time_is_a_failure_that_the_person_sees(
    slack: SlackPlayground, ada: Person, news: Channel
) -> None:
    slack.delivery.ack_seconds = 0.2
    with pytest.raises(NotAcked):
        await ada.types(news, "/mailer slow")
    assert "dispatch_failed" in ada.reads(news)[-1]


@pytest.mark.usefixtures("app")
async def test_waiting_in_vain_says_what_is_visible(ada: Person, news: Channel) -> None:
    await ada.types(news, "/mailer help")
    with pytest.raises(NotSeen, match="Say /mailer connect"):
        await ada.sees(news, "is verified", timeout=0.05)
    with pytest.raises(NotSeen, match="no modal"):
        await ada.modal("Connect", timeout=0.05)


@pytest.mark.usefixtures("app")
async def test_only_what_is_visible_can_be_used(slack: SlackPlayground, ada: Person, news: Channel) -> None:
    await ada.types(news, "/mailer connect")
    form = await ada.modal("Connect")
    with pytest.raises(NotThere, match="'AWS region'"):
        form.fill("Region", "x")
    with pytest.raises(NotThere, match="2 times"):
        form.fill("AWS region", "us")
    with pytest.raises(NotThere, match="acts at once"):
        form.fill("Sign in with", "IAM role")
    elsewhere = slack.channel("elsewhere")
    with pytest.raises(NotSeen, match="not in #elsewhere"):
        await ada.types(elsewhere, "/mailer help")


@pytest.mark.usefixtures("app")
async def test_what_is_closed_or_covered_cannot_be_used(slack: SlackPlayground, ada: Person, news: Channel) -> None:
    await ada.types(news, "/mailer connect")
    below = await ada.modal("Connect")
    push(slack.world, modal("On top", section("x")), ada.id, news.workspace, below.view)
    with pytest.raises(NotThere, match="not open on top"):
        below.fill("Role ARN", "x")
    top = await ada.modal("On top")
    await top.close()
    below.fill("Role ARN", "x")
    with pytest.raises(NotThere):
        await top.press("OK")


async def test_a_stale_button_can_still_be_pressed_by_who_has_it_on_screen(
    app: TinyApp, slack: SlackPlayground, ada: Person, news: Channel
) -> None:
    await ada.types(news, "/mailer card")
    card = await ada.sees(news, "Mail from")
    edit(slack.world, card.message, "gone", [])
    with pytest.raises(NotThere):
        await ada.press(card, "Docs")
    await ada.press(card, "Docs", stale=True)
    assert len(app.payloads("docs")) == 1


async def test_a_message_shortcut_brings_the_message(app: TinyApp, ada: Person, news: Channel) -> None:
    said = ada.says(news, "Hello *all*")
    await ada.uses_shortcut("draft", said)
    (body,) = app.payloads("shortcut")
    assert body["message"]["text"] == "Hello *all*"
    assert body["message"]["blocks"][0]["type"] == "rich_text"


async def test_a_form_that_begins_with_a_mention_is_not_submitted_before_something_is_typed(
    app: TinyApp, slack: SlackPlayground, ada: Person, news: Channel
) -> None:
    begins = rich_text("Hello ")
    begins["elements"][0]["elements"].append({"type": "user", "user_id": ada.id})
    message = {"type": "rich_text_input", "action_id": "a", "initial_value": begins}
    form = modal("New", field("Message", "m", message), submit=plain("Next"), callback_id="form")
    view = push(slack.world, form, ada.id, news.workspace, None)
    opened = await ada.modal("New")

    await opened.submit()
    assert view.errors == {"m": "We had some trouble connecting. Try again?"}
    opened.fill("Message", "Hello")
    await opened.submit()
    assert len(app.payloads("submitted")) == 1


async def test_everything_at_once_reaches_the_app_twice_when_slack_repeats_itself(
    app: TinyApp, slack: SlackPlayground, ada: Person, news: Channel
) -> None:
    slack.deliver_twice(1)
    await ada.types(news, "/mailer help")
    assert len(app.payloads("command")) == 2
    assert app.payloads("command")[0]["trigger_id"] == app.payloads("command")[1]["trigger_id"]


async def test_inputs_take_every_kind_of_value(slack: SlackPlayground, ada: Person, news: Channel) -> None:
    many = modal(
        "Everything",
        field("Message", "rich", {"type": "rich_text_input", "action_id": "a"}),
        field("Send at", "when", {"type": "datetimepicker", "action_id": "a"}),
        field("Audience CSV", "csv", {"type": "file_input", "action_id": "a", "filetypes": ["csv"]}),
        field("Days", "days", choices("checkboxes", "a", "Monday", "Friday")),
        field("Owner", "who", {"type": "users_select", "action_id": "a"}),
        field("Count", "count", {"type": "number_input", "action_id": "a", "is_decimal_allowed": False}),
        field("Site", "site", {"type": "url_text_input", "action_id": "a"}, optional=True),
        submit=plain("Go"),
    )
    trigger = slack.tickets.new_trigger(ada.id, news.workspace)
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    await client.views_open(trigger_id=trigger, view=many)
    form = await ada.modal("Everything")
    form.fill("Message", "Hello\n\nthere")
    form.fill("Send at", datetime(2030, 5, 1, 12, 0, tzinfo=UTC))
    form.fill("Audience CSV", ("people.csv", b"email\na@example.com\n"))
    form.fill("Days", ["Monday", "Fri"])
    form.fill("Owner", ada)
    form.fill("Count", 12)

    values = slack.payloads.submission(ada.user, form.view, [])["view"]["state"]["values"]
    assert values["rich"]["a"]["rich_text_value"]["elements"][0]["elements"] == [
        {"type": "text", "text": "Hello\n\nthere"}
    ]
    assert values["when"]["a"]["selected_date_time"] == 1903867200
    assert values["csv"]["a"]["files"][0]["url_private_download"].startswith(slack.server.base_url)
    assert [o["value"] for o in values["days"]["a"]["selected_options"]] == ["monday", "friday"]
    assert values["who"]["a"]["selected_user"] == ada.id
    assert values["count"]["a"]["value"] == "12"
    assert values["site"]["a"]["value"] is None
    assert "Send at: [2030-05-01 12:00 UTC]" in form.text
    assert "Days: [x] Monday  [x] Friday" in form.text
    assert "Owner: [Ada]" in form.text
    with pytest.raises(NotThere, match="only csv"):
        form.fill("Audience CSV", ("virus.exe", b"x"))
    with pytest.raises(NotThere, match="limit of 10 MB"):
        form.fill("Audience CSV", ("people.csv", b"x" * (10 * 1024 * 1024 + 1)))

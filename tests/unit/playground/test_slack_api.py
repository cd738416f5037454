from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from tests.playground.slack import Channel, Person, SlackPlayground

from .slack_app import FORM, actions, button, modal, plain, section

Json = dict[str, Any]


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock(slack: SlackPlayground) -> Clock:
    slack.world.clock = Clock()
    return slack.world.clock


@pytest.fixture
def client(slack: SlackPlayground) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
def ada(slack: SlackPlayground) -> Person:
    return slack.person("Ada", role="owner")


@pytest.fixture
def news(slack: SlackPlayground, ada: Person) -> Channel:
    return slack.channel("news", people=[ada], bot_in=True)


async def refused(call: Any) -> str:
    """The error a call is refused with."""
    with pytest.raises(SlackApiError) as refusal:
        await call
    return str(refusal.value.response["error"])


async def raw(slack: SlackPlayground, path: str, **how: Any) -> Json:
    async with aiohttp.ClientSession() as http, http.post(slack.api_url + path, **how) as answer:
        body: Json = await answer.json()
        return body


async def test_arguments_come_as_form_json_and_query(slack: SlackPlayground, news: Channel) -> None:
    bearer = {"Authorization": f"Bearer {slack.bot_token}"}
    for how in (
        {"data": {"channel": news.id, "text": "form"}, "headers": bearer},
        {"json": {"channel": news.id, "text": "json"}, "headers": bearer},
        {"params": {"channel": news.id, "text": "query"}, "headers": bearer},
        {"data": {"channel": news.id, "text": "token in form", "token": slack.bot_token}},
    ):
        assert (await raw(slack, "chat.postMessage", **how))["ok"]
    assert [m.text for m in slack.messages(news)] == ["form", "json", "query", "token in form"]
    assert not any(slack.bot_token in str(call.params) for call in slack.calls)


async def test_tokens_and_methods_are_checked(slack: SlackPlayground) -> None:
    assert (await raw(slack, "auth.test"))["error"] == "not_authed"
    for token, method, error in (
        ("xoxb-wrong", "auth.test", "invalid_auth"),
        (slack.app_token, "auth.test", "not_allowed_token_type"),
        (slack.bot_token, "apps.connections.open", "not_allowed_token_type"),
        (slack.bot_token, "chat.postTelegram", "unknown_method"),
    ):
        assert (await raw(slack, method, headers={"Authorization": f"Bearer {token}"}))["error"] == error


async def test_a_missing_scope_is_named(slack: SlackPlayground, client: AsyncWebClient, news: Channel) -> None:
    slack.workspace.scopes = {"commands"}
    with pytest.raises(SlackApiError) as refusal:
        await client.chat_postMessage(channel=news.id, text="x")
    assert refusal.value.response["error"] == "missing_scope"
    assert refusal.value.response["needed"] == "chat:write"
    assert refusal.value.response["provided"] == "commands"
    assert refusal.value.response.headers["x-oauth-scopes"] == "commands"
    assert await refused(client.conversations_info(channel=news.id)) == "missing_scope"


async def test_channels_are_seen_as_far_as_the_bot_may(
    slack: SlackPlayground, client: AsyncWebClient, ada: Person
) -> None:
    public = slack.channel("public", people=[ada])
    private = slack.channel("private", people=[ada], private=True)
    rival = slack.channel("theirs", workspace=slack.add_workspace("Rival"))

    assert (await client.conversations_info(channel=public.id))["channel"]["is_member"] is False
    assert await refused(client.chat_postMessage(channel=public.id, text="x")) == "not_in_channel"
    assert await refused(client.conversations_info(channel=private.id)) == "channel_not_found"
    assert await refused(client.conversations_info(channel=rival.id)) == "channel_not_found"
    assert await refused(client.conversations_join(channel=private.id)) == "channel_not_found"
    await client.conversations_join(channel=public.id)
    assert (await client.conversations_members(channel=public.id))["members"] == sorted(public.members)
    await client.chat_postMessage(channel=public.id, text="x")
    assert (await client.conversations_join(channel=public.id))["warning"] == "already_in_channel"
    await slack.archive(public)
    assert await refused(client.chat_postMessage(channel=public.id, text="x")) == "is_archived"
    assert await refused(client.conversations_join(channel=ada.dm.id)) == "method_not_supported_for_channel_type"


async def test_messages_are_the_bots_own_to_change(
    slack: SlackPlayground, client: AsyncWebClient, ada: Person, news: Channel
) -> None:
    said = ada.says(news, "mine")
    sent = await client.chat_postMessage(channel=news.id, text="ours", blocks=[section("*ours*")])
    assert sent["message"]["blocks"][0]["block_id"]
    assert await refused(client.chat_update(channel=news.id, ts=said.ts, text="x")) == "cant_update_message"
    assert await refused(client.chat_update(channel=news.id, ts="1.2", text="x")) == "message_not_found"
    assert await refused(client.chat_delete(channel=news.id, ts=said.ts)) == "cant_delete_message"
    await client.chat_update(channel=news.id, ts=sent["ts"], text="plain now")
    assert slack.messages(news)[-1].blocks == []
    assert (await client.chat_getPermalink(channel=news.id, message_ts=sent["ts"]))["permalink"]
    await client.chat_delete(channel=news.id, ts=sent["ts"])
    assert [m.text for m in slack.messages(news)] == ["mine"]


async def test_threads_and_broadcast_replies(slack: SlackPlayground, client: AsyncWebClient, news: Channel) -> None:
    first = await client.chat_postMessage(channel=news.id, text="alarm")
    await client.chat_postMessage(channel=news.id, text="over", thread_ts=first["ts"], reply_broadcast=True)
    reply = slack.messages(news)[-1]
    assert (reply.thread_ts, reply.broadcast) == (first["ts"], True)
    assert await refused(client.chat_postMessage(channel=news.id, text="x", thread_ts="1.1")) == "thread_not_found"


async def test_ephemeral_messages_need_a_member(
    slack: SlackPlayground, client: AsyncWebClient, ada: Person, news: Channel
) -> None:
    eve = slack.person("Eve")
    assert await refused(client.chat_postEphemeral(channel=news.id, user=eve.id, text="x")) == "user_not_in_channel"
    sent = await client.chat_postEphemeral(channel=news.id, user=ada.id, text="psst")
    assert await refused(client.chat_update(channel=news.id, ts=sent["message_ts"], text="x")) == "message_not_found"


async def test_bad_content_is_refused_as_slack_does(client: AsyncWebClient, news: Channel) -> None:
    assert await refused(client.api_call("chat.postMessage", json={"channel": news.id, "text": " "})) == "no_text"
    with pytest.raises(SlackApiError) as refusal:
        await client.chat_postMessage(channel=news.id, text="t", blocks=[section("x" * 3001)])
    assert refusal.value.response["error"] == "invalid_blocks"
    assert refusal.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    ]
    long = [section("x" * 2800) for _ in range(5)]
    assert await refused(client.chat_postMessage(channel=news.id, text="t", blocks=long)) == "msg_blocks_too_long"
    assert await refused(client.chat_postMessage(channel=news.id, text="x" * 40_001)) == "msg_too_long"


async def test_a_trigger_works_once_within_three_seconds(
    slack: SlackPlayground, client: AsyncWebClient, ada: Person, news: Channel, clock: Clock
) -> None:
    def trigger() -> str:
        return slack.tickets.new_trigger(ada.id, news.workspace)

    once, late, in_time = trigger(), trigger(), trigger()
    await client.views_open(trigger_id=once, view=FORM)
    assert await refused(client.views_open(trigger_id=once, view=FORM)) == "exchanged_trigger_id"
    clock.forward(3)
    await client.views_open(trigger_id=in_time, view=FORM)
    clock.forward(0.1)
    assert await refused(client.views_open(trigger_id=late, view=FORM)) == "expired_trigger_id"
    assert await refused(client.views_open(trigger_id="made up", view=FORM)) == "invalid_trigger_id"
    assert await refused(client.views_push(trigger_id=trigger(), view=FORM)) == "no_active_view"


async def test_three_modals_stack_and_no_more(
    slack: SlackPlayground, client: AsyncWebClient, ada: Person, news: Channel
) -> None:
    trigger = slack.tickets.new_trigger(ada.id, news.workspace)
    await client.views_open(trigger_id=trigger, view=modal("one", section("1")))
    for title in ("two", "three"):
        trigger = slack.tickets.new_trigger(ada.id, news.workspace, slack.world.top_modal(ada.id))
        await client.views_push(trigger_id=trigger, view=modal(title, section("x")))
    top = slack.world.top_modal(ada.id)
    assert top
    assert top.previous
    assert top.previous.title == "two"
    trigger = slack.tickets.new_trigger(ada.id, news.workspace, top)
    assert (
        await refused(client.views_push(trigger_id=trigger, view=modal("four", section("x")))) == "push_limit_reached"
    )


async def test_a_view_is_updated_only_as_it_was_seen(
    slack: SlackPlayground, client: AsyncWebClient, ada: Person, news: Channel
) -> None:
    trigger = slack.tickets.new_trigger(ada.id, news.workspace)
    opened = (await client.views_open(trigger_id=trigger, view=modal("one", section("1"))))["view"]
    newer = await client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal("two", section("2")))
    assert newer["view"]["hash"] != opened["hash"]
    again = client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal("three", section("3")))
    assert await refused(again) == "hash_conflict"
    await (await ada.modal("two")).close()
    assert await refused(client.views_update(view_id=opened["id"], view=modal("x", section("3")))) == "not_found"
    home = {"type": "home", "blocks": [section("h")]}
    published = (await client.views_publish(user_id=ada.id, view=home))["view"]
    await client.views_publish(user_id=ada.id, view=home, hash=published["hash"])
    assert await refused(client.views_publish(user_id=ada.id, view=home, hash=published["hash"])) == "hash_conflict"


async def test_a_bad_view_is_refused_with_pointers(
    slack: SlackPlayground, client: AsyncWebClient, ada: Person, news: Channel
) -> None:
    bad = modal("x" * 25, actions(button("y" * 76, "a")), submit=plain("ok"))
    with pytest.raises(SlackApiError) as refusal:
        await client.views_open(trigger_id=slack.tickets.new_trigger(ada.id, news.workspace), view=bad)
    assert refusal.value.response["error"] == "invalid_arguments"
    assert refusal.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]",
        "[ERROR] must be less than 76 characters [json-pointer:/view/blocks/0/elements/0/text/text]",
    ]


@pytest.mark.parametrize(
    ("role", "facts"),
    [
        ("owner", {"is_owner": True, "is_admin": True, "is_restricted": False}),
        ("admin", {"is_owner": False, "is_admin": True}),
        ("member", {"is_admin": False, "deleted": False, "is_bot": False}),
        ("guest", {"is_restricted": True, "is_ultra_restricted": False}),
        ("single-channel guest", {"is_restricted": True, "is_ultra_restricted": True}),
        ("deactivated", {"deleted": True}),
        ("bot", {"is_bot": True}),
    ],
)
async def test_users_info_tells_roles_apart(
    slack: SlackPlayground, client: AsyncWebClient, role: str, facts: Json
) -> None:
    person = slack.person("Somebody", role=role)
    user = (await client.users_info(user=person.id))["user"]
    assert {key: user[key] for key in facts} == facts
    assert user["team_id"] == slack.workspace.id


async def test_an_outsider_is_told_by_the_team(slack: SlackPlayground, client: AsyncWebClient) -> None:
    eve = slack.person("Eve", role="outsider")
    assert await refused(client.users_info(user=eve.id)) == "user_not_found"
    shared = slack.channel("partners", people=[eve])
    assert (await client.users_info(user=eve.id))["user"]["is_stranger"] is True
    shared.members.add(slack.workspace.bot_user_id)
    user = (await client.users_info(user=eve.id))["user"]
    assert user["team_id"] != slack.workspace.id
    assert user["is_stranger"] is False
    assert (await client.conversations_info(channel=shared.id))["channel"]["is_ext_shared"] is True


async def test_files_go_up_in_three_steps_and_come_down_with_the_token(
    slack: SlackPlayground, client: AsyncWebClient, ada: Person
) -> None:
    dm = (await client.conversations_open(users=ada.id))["channel"]["id"]
    await client.files_upload_v2(channel=dm, content="a,b\n1,2\n", filename="list.csv", title="The list")
    seen = await ada.sees(ada.dm, "(file: The list)")
    info = (await client.files_info(file=seen.files[0].id))["file"]
    async with aiohttp.ClientSession() as http:
        bearer = {"Authorization": f"Bearer {slack.bot_token}"}
        async with http.get(info["url_private_download"], headers=bearer) as answer:
            assert await answer.read() == b"a,b\n1,2\n"
        async with http.get(info["url_private_download"]) as answer:
            assert answer.status == 200
            assert answer.content_type == "text/html"
            assert "Sign in" in await answer.text()
        slack.workspace.scopes.discard("files:read")
        async with http.get(info["url_private_download"], headers=bearer) as answer:
            assert answer.content_type == "text/html"
        slack.workspace.scopes.add("files:read")
    assert await refused(client.files_info(file="F404")) == "file_not_found"


async def test_a_response_url_lasts_five_times_and_half_an_hour(
    slack: SlackPlayground, ada: Person, news: Channel, clock: Clock
) -> None:
    async with aiohttp.ClientSession() as http:

        async def respond(url: str, body: Json) -> tuple[int, str]:
            async with http.post(url, json=body) as answer:
                return answer.status, await answer.text()

        url = slack.payloads.response_url("commands", news, ada.user)
        assert await respond(url, {"text": "one", "response_type": "in_channel"}) == (200, "ok")
        assert (await respond(url, {"text": ""}))[0] == 400
        for text in ("three", "four", "five"):
            assert (await respond(url, {"text": text}))[0] == 200
        status, text = await respond(url, {"text": "six"})
        assert (status, "used_url" in text) == (404, True)
        late = slack.payloads.response_url("commands", news, ada.user)
        clock.forward(30 * 60 + 1)
        status, text = await respond(late, {"text": "late"})
        assert (status, "expired_url" in text) == (404, True)
    assert [m.text for m in slack.messages(news)] == ["one"]
    assert ada.reads(news) == ["one", "three", "four", "five"]


async def test_a_method_is_limited_by_its_tier_in_any_minute(
    client: AsyncWebClient, news: Channel, clock: Clock
) -> None:
    for _ in range(50):
        await client.conversations_info(channel=news.id)
    clock.forward(20)
    with pytest.raises(SlackApiError) as refusal:
        await client.conversations_info(channel=news.id)
    assert (refusal.value.response["error"], refusal.value.response.headers["Retry-After"]) == ("ratelimited", "40")
    await client.conversations_members(channel=news.id)  # of another tier
    clock.forward(40)
    await client.conversations_info(channel=news.id)


@pytest.mark.parametrize("limit", [0, 1_000, "many"])
async def test_a_page_of_another_size_than_slack_has_is_refused(
    client: AsyncWebClient, news: Channel, limit: object
) -> None:
    with pytest.raises(SlackApiError, match="invalid_limit"):
        await client.conversations_members(channel=news.id, limit=limit)  # type: ignore[arg-type]
    await client.conversations_members(channel=news.id, limit=999)


async def test_rate_limits_by_channel_and_on_command(
    slack: SlackPlayground, client: AsyncWebClient, news: Channel, clock: Clock
) -> None:
    slack.api.limits.posts_a_second = 1
    await client.chat_postMessage(channel=news.id, text="1")
    with pytest.raises(SlackApiError) as refusal:
        await client.chat_postMessage(channel=news.id, text="2")
    assert refusal.value.response.status_code == 429
    assert refusal.value.response.headers["Retry-After"] == "1"
    clock.forward(1)
    await client.chat_postMessage(channel=news.id, text="2")

    slack.rate_limit("auth.test", retry_after=0)
    client.retry_handlers = [AsyncRateLimitErrorRetryHandler(max_retry_count=1)]
    await client.auth_test()
    assert [call.response["ok"] for call in slack.calls_of("auth.test")] == [False, True]


async def test_faults_on_command(slack: SlackPlayground, news: Channel) -> None:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[], timeout=1)
    slack.fail("chat.postMessage", error="fatal_error")
    assert await refused(client.chat_postMessage(channel=news.id, text="x")) == "fatal_error"
    slack.lose_reply("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=news.id, text="posted all the same")
    slack.refuse("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=news.id, text="not posted")
    slack.hang("chat.postMessage")
    with pytest.raises(TimeoutError):
        await client.chat_postMessage(channel=news.id, text="not posted")
    slack.break_down("*", status=503, times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError):
            await client.chat_postMessage(channel=news.id, text="not posted")
    await client.chat_postMessage(channel=news.id, text="well again")
    assert [m.text for m in slack.messages(news)] == ["posted all the same", "well again"]


async def test_response_urls_and_the_file_host_fail_too(slack: SlackPlayground, ada: Person, news: Channel) -> None:
    url = slack.payloads.response_url("actions", news, ada.user)
    file = slack.upload(ada.user, slack.workspace, "a.csv", b"x")
    bearer = {"Authorization": f"Bearer {slack.bot_token}"}
    download = f"{slack.server.base_url}/files-pri/{slack.workspace.id}-{file.id}/download/a.csv"
    slack.rate_limit("response_url", retry_after=7)
    slack.fail("response_url", error="fatal_error")
    slack.break_down("files.download")
    async with aiohttp.ClientSession() as http:
        async with http.post(url, json={"text": "x"}) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
        async with http.post(url, json={"text": "x"}) as answer:
            assert (await answer.json())["error"] == "fatal_error"
        async with http.get(download, headers=bearer) as answer:
            assert answer.status == 503
        async with http.get(download, headers=bearer) as answer:
            assert await answer.read() == b"x"
    assert not slack.messages(news)


async def test_slack_goes_away_and_comes_back_at_the_same_address(slack: SlackPlayground) -> None:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[], timeout=1)
    await slack.down()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.auth_test()
    await slack.up()
    await client.auth_test()


async def test_an_uninstalled_app_is_refused(slack: SlackPlayground, client: AsyncWebClient) -> None:
    slack.events.subscribed = set()
    await slack.uninstall()
    assert await refused(client.auth_test()) == "account_inactive"

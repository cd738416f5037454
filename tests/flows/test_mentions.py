"""What Slack's editor knows and a mail does not: mentions and emoji; and that the confirmation shows what is mailed."""

from typing import Any

from tests.databases import Clock
from tests.flows.world import OVER_HTTP, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.image_host import Answer, image_host, picture


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def message(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


def channel(key: str) -> dict[str, Any]:
    return {"type": "channel", "channel_id": key}


def user(key: str) -> dict[str, Any]:
    return {"type": "user", "user_id": key, "style": {"bold": True}}


@OVER_HTTP
async def test_mentions_are_mailed_as_names_also_from_another_identity_later(world: World) -> None:
    await world.is_open()
    everybody = world.slack.channel("everybody", people=[world.ada])
    mentions = message(user(world.ada.id), text(" in "), channel(everybody.id), text(" and "), channel(world.news.id))

    await world.confirms(await world.composes(message=mentions))
    await world.passes(31)

    assert world.aws.mails[0].text is not None
    assert world.aws.mails[0].text.startswith("@Ada in #everybody and #news")
    assert "<strong>@Ada</strong>" in (world.aws.mails[0].html or "")


@OVER_HTTP
async def test_a_mention_without_a_name_is_refused_in_its_field(world: World) -> None:
    """Mailroom is in a private channel that Bob is not in: he does not learn its name by mentioning it."""
    await world.is_open()
    vault = world.slack.channel("vault-42", people=[world.ada], private=True)
    world.slack.world.channels[vault.id].members.add(world.news.workspace.bot_user_id)
    modal = await world.composes()
    assert modal.title == "Check and send"

    group = {"type": "usergroup", "usergroup_id": "S0614TZR7"}
    for mentioned, what in (
        ([channel(vault.id)], "mentions 1 channel by an id"),
        ([channel("C0000000404")], "mentions 1 channel by an id"),
        ([user("U0000000404")], "mentions 1 person by an id"),
        ([group, user("U0000000404"), user("U0000000405")], "mentions 2 people and 1 user group by an id"),
    ):
        modal = await world.composes(message=message(text("Ask "), *mentioned))
        assert what in modal.errors.get("Message", ""), modal.text
        assert "type the name as text instead" in modal.errors["Message"]
        assert ("private channels are not named" in modal.errors["Message"]) is (mentioned[0]["type"] == "channel")
    many = message(*(user(f"U00000005{number:02}") for number in range(21)))
    modal = await world.composes(message=many)
    assert modal.errors["Message"] == "The message mentions 21 people and channels: type all but 20 as text."

    assert "vault-42" not in str([call.params for call in world.slack.calls])
    assert "vault-42" not in str([delivery.ack for delivery in world.slack.deliveries])


@OVER_HTTP
async def test_the_confirmation_shows_exactly_the_characters_of_the_mail(world: World) -> None:
    await world.is_open()
    typed = "*Dear* _all_ ~x~ `y` {{first_name|*you*}} :smile: <https://acme.test|z> & > q"
    logo = {"type": "emoji", "name": "acme-logo"}

    modal = await world.composes(subject="*Spring news* _now_", message=message(text(f"{typed}\n> no quote "), logo))

    mailed = f"{typed.replace('{{first_name|*you*}}', 'Ann')}\n> no quote :acme-logo:"
    shown = [block["text"] for block in modal.view.blocks if block["type"] == "section"]
    assert all(each["type"] == "plain_text" and each["emoji"] is False for each in shown if "Dear" in each["text"])
    assert f"*Spring news* _now_\n\n{mailed}\n" in next(each["text"] for each in shown if "Dear" in each["text"])
    assert any(
        each == {"type": "plain_text", "emoji": False, "text": each["text"]}
        and "will get “*Spring news* _now_”" in each["text"]
        for each in shown
    )
    assert ":acme-logo: is an emoji of your workspace: a mail has its name only." in modal.text
    await world.confirms(modal)
    await world.passes(31)
    assert (world.aws.mails[0].text or "").startswith(mailed)


@OVER_HTTP
async def test_user_groups_become_their_handles_and_it_says_so(world: World) -> None:
    await world.is_open()
    world.news.workspace.groups["S0614TZR7"] = "marketing"
    group = {"type": "usergroup", "usergroup_id": "S0614TZR7"}

    modal = await world.composes(message=message(group, text(" and "), user(world.ada.id)))
    assert "In the message 2 mentions became names." in modal.text
    await world.confirms(modal)
    await world.passes(31)

    assert (world.aws.mails[0].text or "").startswith("@marketing and @Ada")


@OVER_HTTP
async def test_a_workspaces_own_emoji_become_images_and_those_without_one_stay_names(
    aws: AwsPlayground, database_url: str, clock: Clock
) -> None:
    async with (
        image_host(logo=Answer(picture((128, 64)))) as host,
        open_world(aws, database_url, clock, fetch_image=host.fetch) as world,
    ):
        await world.is_open()
        at = world.news.workspace.emoji
        at.update({"logo": host.url("/logo"), "acme-logo": "alias:logo", "gone": host.url("/gone"), "odd": "alias:x"})
        names = ("acme-logo", "acme-logo", "gone", "odd", "none")
        modal = await world.composes(message=message(text("Hi "), *({"type": "emoji", "name": name} for name in names)))
        assert "In the message 2 emoji became images." in modal.text
        for name in ("gone", "odd", "none"):
            assert f":{name}: is an emoji of your workspace: a mail has its name only." in modal.text

        await modal.press("Back")
        await world.bot.tasks.idle()
        assert "Images kept" not in modal.labels
        await modal.submit()
        await world.bot.tasks.idle()
        await world.confirms(modal)
        await world.passes(31)

        html, text_part = world.aws.mails[0].html or "", world.aws.mails[0].text or ""
        image = '<img src="cid:image1.png" alt=":acme-logo:" width="44" height="22" border="0"'
        assert html.count(image) == 2
        assert text_part.startswith("Hi :acme-logo::acme-logo::gone::odd::none:")
        assert [part.content_id for part in world.aws.mails[0].attachments] == ["image1.png"]
        assert host.paths.count("/logo") == 1


@OVER_HTTP
async def test_without_the_scopes_for_them_names_stay_and_are_refused_as_before(world: World) -> None:
    await world.is_open()
    world.news.workspace.scopes -= {"emoji:read", "usergroups:read"}
    world.news.workspace.groups["S0614TZR7"] = "marketing"

    modal = await world.composes(message=message(text("Hi "), {"type": "emoji", "name": "logo"}))
    assert ":logo: is an emoji of your workspace" in modal.text
    modal = await world.composes(message=message({"type": "usergroup", "usergroup_id": "S0614TZR7"}))

    assert "mentions 1 user group by an id" in modal.errors["Message"]

"""The Slack step of `doctor --live`, against the playground's Slack: every view and message, and what is different."""

import ast
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.observations import Observation
from handlers.slack.file_transfer import Files
from handlers.slack.live_check import Samples, SlackLive
from handlers.slack.live_samples import samples
from handlers.slack.manifest import manifest
from tests.databases import Clock
from tests.playground.slack import SlackPlayground
from tests.playground.slack.driver import Person
from tests.playground.slack.world import Channel

VIEWS = Path(__file__).parents[2] / "handlers" / "slack" / "views"
PIECES = {"blocks.form", "blocks.page", "blocks.home"}  # what the others are made of


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[SlackPlayground]:
    async with SlackPlayground(clock, manifest=manifest(), patience=30, ack_seconds=30) as playground:
        yield playground


@pytest.fixture
def ada(slack: SlackPlayground) -> Person:
    return slack.person("Ada")


@pytest.fixture
def lab(slack: SlackPlayground, ada: Person) -> Channel:
    return slack.channel("lab", [ada], bot_in=True)


async def tried(
    slack: SlackPlayground, clock: Clock, ada: Person, lab: Channel, shown: Samples | None = None
) -> list[Observation]:
    """What is said when Ada presses the button."""
    said: list[Observation] = []
    live = SlackLive(
        AsyncWebClient(token=slack.bot_token, base_url=slack.api_url),
        Files(slack.api_url),
        shown or samples(),
        said.append,
        app_token=slack.app_token,
        scopes=manifest()["oauth_config"]["scopes"]["bot"],
        sleep=clock.sleep,
    )
    running = asyncio.create_task(live.run(lab.id))
    message = await ada.sees(lab, "press Try")
    await ada.press(message, "Try")
    await running
    return said


def different(said: list[Observation]) -> dict[str, str]:
    return {one.name: one.answered for one in said if not one.as_expected}


async def test_every_view_and_message_is_taken_and_nothing_is_left(
    slack: SlackPlayground, clock: Clock, ada: Person, lab: Channel
) -> None:
    said = await tried(slack, clock, ada, lab)

    assert different(said) == {}
    every = samples()
    assert len(said) == 7 + len(every.modals) + len(every.homes) + 3 * len(every.messages) + 2 + 6
    assert slack.messages(lab) == []
    assert not [one for one in slack.messages(ada.dm) if one.text or one.files]


async def test_what_slack_does_not_take_is_named_with_its_place(
    slack: SlackPlayground, clock: Clock, ada: Person, lab: Channel
) -> None:
    every = samples()
    modals = {
        name: every.modals[name] for name in ("confirmations.confirmed_page", "team_settings.settings_saved_page")
    }
    slack.workspace.scopes.discard("files:read")
    slack.fail("views.update", error="invalid_arguments")
    slack.fail("chat.update", error="msg_too_long")

    said = await tried(
        slack,
        clock,
        ada,
        lab,
        Samples(modals, {}, {"alerts.mailer_deleted_message": every.messages["alerts.mailer_deleted_message"]}),
    )

    assert different(said) == {
        "auth.test, x-oauth-scopes": "canvases:read, canvases:write, channels:join, channels:read, chat:write, "
        "commands, emoji:read, files:write, groups:read, usergroups:read, users:read, users:read.email",
        "views.update: team_settings.settings_saved_page": "invalid_arguments",
        "chat.update: alerts.mailer_deleted_message": "msg_too_long",
        "files.info": "missing_scope",
    }


def builders() -> dict[str, str]:
    """Return what each builder of a view or a message returns, by module and name."""
    return {
        f"{file.stem}.{node.name}": kind
        for file in VIEWS.rglob("*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.returns is not None
        for kind in {"View", "Message"} & set(ast.unparse(node.returns).replace("|", " ").split())
        if f"{file.stem}.{node.name}" not in PIECES
    }


def test_there_is_a_sample_of_every_builder() -> None:
    every = samples()

    assert set(builders()) == {name.partition(",")[0] for name in (*every.modals, *every.homes, *every.messages)}


def test_the_name_of_a_builder_says_what_it_builds() -> None:
    endings = {"View": ("_form", "_page", "_view"), "Message": ("_message",)}

    assert [name for name, kind in builders().items() if not name.endswith(endings[kind])] == []

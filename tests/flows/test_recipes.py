"""The recipes in docs/recipes, run word for word against the bot."""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.program import make_token
from tests.flows.test_api_drafts import approval_is_needed
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, UNDO_SECONDS, World

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
NOTES = "Twelve teas are new; $(touch /tmp/never) and `id` and “quotes”."


def block(recipe: str, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", (RECIPES / recipe).read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


async def run(*command: str, **env: str) -> str:
    """Run it, and return what it prints; what it says of errors, too."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": os.environ["PATH"]} | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def saves_audience(world: World, name: str) -> None:
    await world.confirms(await world.composes(subject="Spring news", save_as=name))
    await world.passes(UNDO_SECONDS)


def address(world: World) -> str:
    return f"http://127.0.0.1:{world.bot.http.port}"


@OVER_HTTP
@pytest.mark.long
async def test_the_job_of_github_actions_writes_one_draft(world: World) -> None:
    await world.is_open()
    await saves_audience(world, "Customers")
    token = await make_token(world, "Releases", scopes=["draft"])
    job: Any = yaml.safe_load(block("github-actions.md", "yaml"))
    (step,) = job["jobs"]["draft"]["steps"]
    given = {
        "${{ vars.MAILROOM_URL }}": address(world),
        "${{ secrets.MAILROOM_TOKEN }}": token,
        "${{ github.event.release.tag_name }}": "v1.2.0",
        "${{ github.event.release.body }}": NOTES,
    }
    env = {name: given[value] for name, value in step["env"].items()}
    assert "${{" not in step["run"]

    for _ in range(2):
        await run("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"], **env)

    await world.settle()
    message = await world.bob.sees(world.news, "A draft of API token “Releases”")
    assert "“Version v1.2.0 is out” to 2 recipients" in message.text
    await world.bob.press(message, "Check and send")
    await (await world.bob.modal("Check and send")).submit()
    await world.passes(UNDO_SECONDS)
    mails = [mail for mail in world.aws.mails if mail.subject == "Version v1.2.0 is out"]
    assert len(mails) == 2
    assert "$(touch /tmp/never) and id and “quotes”." in (mails[0].text or "")


@OVER_HTTP
@pytest.mark.long
async def test_the_line_for_cron_sends_the_digest(world: World, tmp_path: Path) -> None:
    await world.is_open()
    world.ses.verify("acme.test")
    await saves_audience(world, "Subscribers")
    token = await make_token(world, "Digest", scopes=["send"])
    (tmp_path / "digest.html").write_text("<h1>This week</h1><p>Hello {{first_name|there}}</p>")
    await run("sh", "-c", block("cron-curl.md", "sh"), HOME=str(tmp_path), MAILROOM_TOKEN=token)
    *_, line = block("cron-curl.md", "crontab").strip().splitlines()
    command = line.split(maxsplit=5)[5].replace("\\%", "%")

    await run("sh", "-c", command, HOME=str(tmp_path), MAILROOM_URL=address(world))

    assert (tmp_path / ".mailroom").stat().st_mode & 0o777 == 0o600
    await world.passes(UNDO_SECONDS)
    assert sorted(mail.to for mail in world.aws.mails if mail.subject == "This week") == [
        ("ann@elsewhere.test",),
        ("ben@elsewhere.test",),
    ]


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_the_program_with_httpx_asks_and_says_what_became_of_it(world: World, tmp_path: Path) -> None:
    await world.is_open()
    await approval_is_needed(world, world.bob.id, world.ada.id)
    file = tmp_path / "report.py"
    file.write_text(block("python-httpx.md", "python"))
    env = {"MAILROOM_URL": address(world), "MAILROOM_TOKEN": await make_token(world, "Reports", scopes=["draft"])}

    running = asyncio.create_task(run(sys.executable, str(file), EVERY="0.1", **env))
    while "asks to send" not in "".join(map(world.slack.text_of, world.slack.messages(world.news))):
        assert not running.done(), running.result()
        await world.settle()
    await world.bob.press(await world.bob.sees(world.news, "API token “Reports” asks to send"), "Approve and send")
    await world.settle()
    await world.passes(UNDO_SECONDS)

    *_, said = (await running).strip().splitlines()
    assert said in {"done 2 sent", "done 2 delivered"}
    assert "in May you had 1204 visits" in (world.aws.mails_to("ann@elsewhere.test")[0].text or "")

"""What the operator's policy fixes: refused to programs, shown in *Settings*, and not to be loosened there."""

from pathlib import Path

import aiohttp

from tests.databases import Clock
from tests.flows.program import Program, make_token
from tests.flows.test_api_drafts import patch
from tests.flows.test_api_sending import create, drafts
from tests.flows.test_approval import asks_for_approval
from tests.flows.test_doctor import looked
from tests.flows.test_settings_admins import saves, team
from tests.flows.world import OVER_HTTP, open_world
from tests.playground.aws import AwsPlayground

POLICY = "approval_from = 2\napprovals = 2\nrequire_one_click = true\napi_send = false\n"


@OVER_HTTP
async def test_what_the_policy_fixes_holds_for_people_and_programs(
    aws: AwsPlayground, database_url: str, clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    url = "https://mail.acme.test"
    async with (
        open_world(aws, database_url, clock, public_url=url, mailroom_policy_file=str(file)) as world,
        aiohttp.ClientSession() as session,
    ):
        await world.is_open()
        program = Program(session, f"http://127.0.0.1:{world.bot.http.port}", await make_token(world))

        refused = await create(program, "k1")
        assert (refused.status, refused.json["code"]) == (409, "POLICY")
        assert await drafts(world) == 0
        kept = await create(program, "k2", mode="draft")
        assert kept.status == 201
        mode = await patch(program, kept, kept.headers["ETag"], mode="send")
        assert (mode.status, mode.json["code"]) == (409, "POLICY")
        path = f"/api/v1/broadcasts/{kept.json['id']}/test"
        tried = await program.ask("POST", path, json={"to": ["ann@elsewhere.test"]})
        assert (tried.status, tried.json["code"]) == (409, "POLICY")
        asked = await patch(program, kept, kept.headers["ETag"], mode="ask")
        assert (asked.status, asked.json["approval"]["needed"]) == (200, 2)

        modal = await world.opens(world.ada, "/mailer settings", "Settings")
        assert "A broadcast to 2 recipients or more needs the approval of 2 people." in modal.text
        assert "Programs send nothing by themselves" in modal.text
        shown = modal.value("Approval")["value"], modal.value("At least this many recipients"), modal.value("How many")
        assert (shown[0], shown[1], shown[2]["value"]) == ("from", "2", "2")
        assert "Never" not in modal.text
        await modal.close()
        await saves(world, "/mailer settings", "Settings", {"From name": "Acme"})
        assert ((await team(world)).from_name, (await team(world)).approval.value) == ("Acme", "never")

        await asks_for_approval(world)
        assert "needs the approval of 2 people" in (await looked(world.bot.settings))["policy"]

"""`python app.py fleet` and `audit --since`: what an operator sees across channels."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from app import Mailroom
from handlers.cli.commands import main
from handlers.cli.reports import tell_audit, tell_fleet
from storage.database import StorageError
from storage.models import Team
from tests.flows.world import OVER_HTTP, World


@OVER_HTTP
async def test_an_operator_sees_every_mailer_and_who_did_what_and_no_private_name(world: World, tmp_path: Path) -> None:
    await world.is_connected()
    settings, before = world.bot.settings, world.clock() - timedelta(days=1)
    async with world.bot.db.write() as session:
        secret = Team(
            slack_team_id="T9", channel_id="C9", name="layoffs", private=True, created_by="U1", created_at=before
        )
        ops = Team(slack_team_id="T9", channel_id="C8", name="ops", ops=True, created_by="U1", created_at=before)
        session.add_all([secret, ops])
    said: list[str] = []

    await tell_fleet(settings, said.append, as_json=False)
    assert len(said) == 2
    assert "#news · 111122223333 eu-west-1 · access ok, production sandbox, sending enabled" in "\n".join(said)
    assert "T9/C9 a private channel · no mailer" in said
    said.clear()
    await tell_fleet(settings, said.append, as_json=True)
    fleet = json.loads(said[0])
    assert {each["name"] for each in fleet} == {"news", None}
    assert "layoffs" not in said[0]

    said.clear()
    await tell_audit(settings, before, said.append)
    acts = [json.loads(line) for line in said]
    assert "mailer.connect" in [act["action"] for act in acts]
    assert {act["workspace"] for act in acts} == {world.news.workspace.id}
    said.clear()
    await tell_audit(settings, world.clock() + timedelta(seconds=1), said.append)
    assert said == []

    nowhere = settings.model_copy(update={"database_url": f"sqlite+aiosqlite:///{tmp_path}/none.db"})
    with pytest.raises(StorageError, match="There is no database yet"):
        await tell_fleet(nowhere, said.append, as_json=False)


@pytest.mark.parametrize("arguments", [["audit"], ["audit", "--since", "yesterday"], ["restore"], ["fleet", "--xml"]])
def test_wrong_use_ends_with_2_and_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments, Mailroom)
    assert ended.value.code == 2
    assert "usage: app.py" in capsys.readouterr().err

"""docs/operations.md as a new user follows it: from a folder without settings to the first alert in the channel."""

import asyncio
import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.playground.stage import ACCOUNT, REGION, ROOT, Bot, stage

PAGE = (ROOT / "docs" / "operations.md").read_text()
CHECKOUT = ("app.py", ".env.example", "manifest.yml", "pyproject.toml")
STAND_INS = {"PATH", "PORT", "SLACK_API_URL", "MAILROOM_DNS_SERVER"}
ALERT_SECONDS = 240


def _section(title: str) -> str:
    return PAGE.partition(f"\n### {title}\n")[2].partition("\n### ")[0]


def _commands() -> list[str]:
    """Those that install and start Mailroom, without the first two, which made the environment this test runs in."""
    lines = "".join(re.findall(r"^```\n(.*?)^```", _section("On any machine"), re.MULTILINE | re.DOTALL)).splitlines()
    assert lines[:2] == [
        "python3 -m venv .venv",
        ".venv/bin/python -m pip install --require-hashes -r requirements.txt",
    ]
    return lines[2:]


class Installed(Bot):
    """Installed and started by the commands of the page; from outside comes only what stands in for Slack and AWS."""

    async def launch(self) -> None:
        folder = self.log_file.parent / "mailroom"
        folder.mkdir()
        for name in CHECKOUT:
            (folder / name).symlink_to(ROOT / name)
        (folder / ".venv").symlink_to(sys.prefix)
        given = {name: value for name, value in self.environment.items() if name in STAND_INS or name[:4] == "AWS_"}
        copy, doctor, start = _commands()

        await self._runs(copy, folder, given)
        self._fill(folder / ".env")
        said = await self._runs(doctor, folder, given)

        assert "BAD" not in said and "every scope of the manifest" in said
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *shlex.split(start), env=given, cwd=folder, stdout=log, stderr=log
            )

    def _fill(self, file: Path) -> None:
        """Put the two tokens where the page says, and the setting with which the alert does not take minutes."""
        text = file.read_text()
        for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
            text, times = re.subn(rf"^{name}=.*", f"{name}={self.environment[name]}", text, flags=re.MULTILINE)
            assert times == 1
        (sooner,) = re.findall(r"`(MAILROOM_\w+=\d+)` in `.env`", _section("The first alert"))
        file.write_text(f"{text}{sooner}\n")

    @staticmethod
    async def _runs(command: str, folder: Path, environment: dict[str, str]) -> str:
        pipe = asyncio.subprocess.PIPE
        running = await asyncio.create_subprocess_shell(
            command, env=environment, cwd=folder, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        said = (await running.communicate())[0].decode()
        assert running.returncode == 0, said
        return said


@pytest.mark.long
async def test_from_an_empty_folder_to_the_first_alert() -> None:
    assert all(
        word in _section("The first alert") for word in ("`/mailer connect`", "*Add identity*", "inactive in IAM")
    )
    async with stage(bot_class=Installed) as on:
        key = on.aws.create_key(ACCOUNT)
        await on.ada.types(on.news, "/mailer connect")
        modal = await on.ada.modal("Connect Amazon SES")
        for label, value in {
            "AWS region": REGION,
            "Access key ID": key.access_key_id,
            "Secret access key": key.secret_access_key,
        }.items():
            modal.fill(label, value)
        await modal.submit()
        connected = await on.ada.sees(on.news, "Connected to AWS account")
        await modal.close()
        await on.ada.press(connected, "Add identity")
        modal = await on.ada.modal("Add identity")
        modal.fill("Email address or domain", "hello@acme.test")
        await modal.submit()
        await on.bob.sees(on.news, "One click left for hello@acme.test")

        on.aws.revoke(key)

        alert = await on.bob.sees(on.news, "AWS no longer accepts Mailroom's credentials", timeout=ALERT_SECONDS)
        assert alert.buttons == ["Reconnect", "Delete mailer", "Acknowledge"]
        on.aws.restore(key)
        await on.bob.sees(on.news, "accepts Mailroom's credentials again", timeout=ALERT_SECONDS)

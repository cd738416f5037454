"""`python app.py doctor --live` against AWS: what it says, what it leaves, and that it sees what is different."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.ses.client import SesClients
from bot.ses.credentials import AwsKey
from handlers.cli.doctor_live import wanted
from storage.sealing import Secret
from tests.databases import Clock
from tests.flows.world import ACCOUNT, OVER_HTTP, REGION, World
from tests.live_doctor import different, take_steps
from tests.playground.aws import AwsPlayground
from tests.playground.aws.playground import utc_now
from tests.playground.stage import ROOT

OPERATOR = "operator@acme.test"
STEPS = ["--region", REGION, "--aws", "--simulator", "--mail", OPERATOR]


class Tried:
    """The steps taken in an account with a verified domain and production access; `yes` is the operator's answer."""

    def __init__(self, aws: AwsPlayground, clients: SesClients, clock: Clock, path: Path) -> None:
        self.aws, self.path = aws, path
        self.ses, self.key = aws.ses(ACCOUNT, REGION), aws.create_key(ACCOUNT)
        self.ses.verify("acme.test")
        self.ses.grant_production(quota=50_000, rate=50)
        self._clients, self._clock = clients, clock

    async def run(self, *arguments: str, yes: str = "y") -> tuple[int, list[str]]:
        """The exit code, and the lines."""
        session = self._clients.sign_in(
            "doctor", 0, AwsKey(self.key.access_key_id, Secret(self.key.secret_access_key)), REGION
        )
        return await take_steps(
            arguments or STEPS, session, self._clients, self.path, self._clock, yes=yes, meanwhile=self.aws.settle
        )

    @property
    def left(self) -> list[str]:
        """What was made at AWS and not taken away."""
        made = {"sqs": "Queue", "sns": "Topic", "ses": "ConfigurationSet"}
        return [
            f"{service}:{piece}"
            for service, piece in made.items()
            if len(self.aws.calls_of(f"{service}:Create{piece}")) != len(self.aws.calls_of(f"{service}:Delete{piece}"))
        ]


@pytest.fixture
async def tried(aws: AwsPlayground, clock: Clock, tmp_path: Path) -> AsyncIterator[Tried]:
    clients = SesClients()
    yield Tried(aws, clients, clock, tmp_path / "seen.txt")
    clients.close()


async def test_an_account_as_expected_is_well_and_is_left_as_it_was(tried: Tried) -> None:
    code, lines = await tried.run()

    assert (code, different(lines)) == (0, {})
    assert [line for line in lines if line.startswith("==")] == [
        "== AWS, nothing sent",
        "== AWS, simulator only",
        "== AWS, one mail to yourself",
    ]
    assert len([line for line in lines if line.startswith("ok ")]) >= 30
    assert (tried.left, [*tried.ses.configuration_sets]) == ([], [])
    assert tried.path.read_text().splitlines() == lines
    assert tried.path.stat().st_mode & 0o777 == 0o600
    assert [mail.to for mail in tried.aws.mails if not mail.to[0].endswith("@simulator.amazonses.com")] == [(OPERATOR,)]


async def test_no_secret_no_address_and_no_text_of_aws_is_written(tried: Tried) -> None:
    tried.aws.fail("ses:GetSuppressedDestination", "BadRequestException", message="ceo@acme.test is <b>not</b>")

    await tried.run()

    seen = tried.path.read_text()
    for never in (tried.key.secret_access_key, tried.key.access_key_id, ACCOUNT, "acme.test", "ceo@", "@simulator"):
        assert never not in seen


DIFFERENCES: dict[str, tuple[dict[str, Any], str]] = {
    "CreateEmailIdentity of a name that is none": (
        {"operation": "ses:CreateEmailIdentity", "how": "InvalidParameterValue"},
        "InvalidParameterValue",
    ),
    "PutEmailIdentityMailFromAttributes of nobody": (
        {"operation": "ses:PutEmailIdentityMailFromAttributes", "how": "BadRequestException"},
        "BadRequestException 400",
    ),
    "GetSuppressedDestination of nobody, in production": (
        {"operation": "ses:GetSuppressedDestination", "how": "AccessDeniedException"},
        "AccessDeniedException",
    ),
    "a new queue is there": (
        {"operation": "sqs:GetQueueAttributes", "how": "AWS.SimpleQueueService.NonExistentQueue", "times": 40},
        "first AWS.SimpleQueueService.NonExistentQueue",
    ),
    "SES may publish to a new topic": (
        {"operation": "ses:CreateConfigurationSetEventDestination", "how": "BadRequestException", "times": 40},
        "first BadRequestException 400",
    ),
    "SendBulkEmail from an address that is not verified": (
        {"operation": "ses:SendBulkEmail", "how": "AccessDeniedException"},
        "call AccessDeniedException",
    ),
    "the configuration set is taken away": (
        {"operation": "ses:DeleteConfigurationSet", "how": "AccessDeniedException", "times": None},
        "AccessDeniedException",
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
async def test_each_answer_that_is_another_one_is_named(tried: Tried, name: str) -> None:
    fault, answered = DIFFERENCES[name]
    tried.aws.fail(**fault)

    code, lines = await tried.run("--region", REGION, "--simulator" if name.startswith("SendBulk") else "--aws")

    assert code == 1
    assert answered in different(lines)[name]
    assert {*different(lines)} == {name}


@pytest.mark.long
async def test_events_that_say_something_else_are_named(tried: Tried) -> None:
    tried.ses.outcome("complaint@simulator.amazonses.com", "BOUNCE")
    tried.ses.suppress("success@simulator.amazonses.com", "BOUNCE")

    _, lines = await tried.run("--region", REGION, "--simulator")

    assert different(lines) == {
        "events of complaint": "Bounce Permanent General; Send (expected: Complaint; Delivery; Send)",
        "events of success": "Bounce Permanent OnAccountSuppressionList; Send (expected: Delivery; Send)",
    }


async def test_a_mail_that_arrives_changed_is_what_the_operator_says(tried: Tried) -> None:
    code, lines = await tried.run("--region", REGION, "--mail", OPERATOR, yes="n")

    assert (code, [*different(lines)]) == (1, ["the mail as it was received", "a picture in the mail"])
    assert [part.content_id for mail in tried.aws.mails for part in mail.attachments] == ["square.png"]


async def test_without_a_flag_each_step_is_asked_for(tried: Tried) -> None:
    code, lines = await tried.run("--region", REGION, yes="")

    assert (code, lines, tried.aws.mails) == (0, [], [])


async def test_an_account_without_a_verified_identity_sends_nothing(tried: Tried) -> None:
    tried.ses.fail("acme.test")

    _, lines = await tried.run("--region", REGION, "--simulator")

    assert [*different(lines)] == ["a verified identity to send from"]


@pytest.mark.parametrize("arguments", [["--aws"], ["--team", "news", "--region", REGION], ["--everything"]])
def test_wrong_use_is_said_with_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        wanted(arguments)

    assert ended.value.code == 2
    assert "usage: app.py doctor --live" in capsys.readouterr().err


@OVER_HTTP
@pytest.mark.long
async def test_stopped_in_the_middle_it_takes_away_what_it_has_made(world: World, tmp_path: Path) -> None:
    """As a program, with the stored mailer of a channel, and SIGTERM while it waits for AWS."""
    await world.is_connected()
    world.aws.clock = utc_now  # a program of its own waits by the real one
    fault = world.aws.fail("sns:SetTopicAttributes", "hang")
    before = [*world.ses.configuration_sets]
    settings = world.bot.settings
    environment = {
        "AWS_ENDPOINT_URL": world.aws.url,
        "SLACK_BOT_TOKEN": settings.slack_bot_token.reveal(),
        "SLACK_SIGNING_SECRET": settings.slack_signing_secret.reveal(),
        "DATABASE_URL": settings.database_url,
        "MAILROOM_KEYS": settings.mailroom_keys.reveal(),
    }
    doctor = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "app.py", "doctor", "--live", "--team", "#news", "--aws"),
        cwd=tmp_path,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    assert await asyncio.to_thread(fault.reached.wait, 30)
    doctor.send_signal(signal.SIGTERM)
    fault.release()
    shown, _ = await doctor.communicate()

    assert doctor.returncode == 1
    assert b"Stopped; what was made was taken away again." in shown
    assert [*world.ses.configuration_sets] == before
    seen = await asyncio.to_thread(lambda: [page.read_text() for page in tmp_path.glob("doctor-live-*.txt")])
    assert "ok        GetAccount" in "".join(seen)

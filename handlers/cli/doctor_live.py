"""`python app.py doctor --live`: the first contact with a real account and a real workspace, one step at a time.

Each step is asked for before it runs, or chosen by its flag. A line says what was answered beside what this code
expects. All of them go to a file that may be attached to a bug report: it has no secret, no address and no text of a
mail. What a step makes it takes away again, also when it is stopped.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import col, select

from bot.errors import BotError
from bot.observations import Observation
from bot.ses.client import AwsSession
from bot.ses.credentials import AwsKey, AwsRole
from bot.ses.errors import SesError
from bot.ses.live.asker import Asker
from bot.ses.live.nothing_sent import NothingSent
from bot.ses.live.own_key import own_key
from bot.ses.live.sending import Simulator, send_one_mail
from bot.ses.operations import Ses
from handlers.cli.codes import CliCode
from storage import Database, IdentityKind, Mailer, Team

Ask = Callable[[str], str]
"""Asks the operator; returns the answer, empty without a terminal."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says; where it names no step, each is asked for."""

    team: str
    region: str
    aws: bool
    simulator: bool
    mail: str
    slack: str
    workspace: str

    @property
    def names_steps(self) -> bool:
        return bool(self.aws or self.simulator or self.mail or self.slack)


def wanted(arguments: Sequence[str]) -> Wanted:
    """Read the arguments after `doctor --live`; wrong ones end the program with 2 and the usage."""
    parser = argparse.ArgumentParser(prog="app.py doctor --live", description="Try a real AWS account and Slack.")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--team", default="", metavar="CHANNEL", help="with the stored mailer of this channel")
    whose.add_argument("--region", default="", help="with this machine's own AWS credentials, in this region")
    parser.add_argument("--aws", action="store_true", help="AWS: send nothing")
    parser.add_argument("--simulator", action="store_true", help="AWS: mail SES's simulator only")
    parser.add_argument("--mail", default="", metavar="ADDRESS", help="AWS: one mail to your own verified address")
    parser.add_argument("--slack", default="", metavar="CHANNEL", help="Slack: the id of a channel to try things in")
    parser.add_argument("--workspace", default="", metavar="T…", help="Slack: of several that installed the app")
    chosen = parser.parse_args(arguments)
    if (chosen.aws or chosen.simulator or chosen.mail) and not (chosen.team or chosen.region):
        parser.error("the AWS steps need --team or --region")
    return Wanted(**vars(chosen))


class Page:
    """Shows every line, and keeps it in a file as it comes: what was seen before a stop is there."""

    def __init__(self, path: Path, show: Callable[[str], None]) -> None:
        self.path = path
        self.different = 0
        self._show = show
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def say(self, observation: Observation) -> None:
        self.different += not observation.as_expected
        self.line(str(observation))

    def line(self, text: str) -> None:
        self._show(text)
        with self.path.open("a", encoding="utf-8") as file:
            print(text, file=file)


def this_machines_key() -> AwsKey:
    """Return the AWS credentials that botocore finds here. Blocks.

    Raises:
        BotError: there are none.
    """
    try:
        return own_key()
    except SesError as error:
        raise BotError(
            CliCode.NO_CREDENTIALS,
            f"This machine has no AWS credentials that can be used ({error.code}).",
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a channel that is connected with --team.",
        ) from error


async def mailer_of(db: Database, channel: str) -> Mailer:
    """Return the mailer of a channel, by the channel's id or name.

    Raises:
        BotError: there is none, or several channels have that name.
    """
    name = channel.removeprefix("#")
    async with db.read() as session:
        of = select(Mailer).join(Team, col(Team.id) == Mailer.team_id)
        found = list(await session.exec(of.where((col(Team.channel_id) == name) | (col(Team.name) == name))))
    if len(found) != 1:
        what = "has a mailer" if not found else "has that name alone"
        raise BotError(
            CliCode.CHANNEL_WITHOUT_MAILER,
            f"No channel {channel} {what}.",
            "Give the channel's id (C…), from its details.",
        )
    return found[0]


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways to the real services.

    Attributes:
        sign_in: opens that to AWS.
        asker: makes its calls.
        assume: tries the role of a session with any ExternalId, or none.
        slack: takes the Slack step, in the channel of this id.
    """

    sign_in: Callable[[Wanted], Awaitable[AwsSession]]
    asker: Callable[[AwsSession], Asker]
    assume: Callable[[AwsSession, AwsRole, str | None], Awaitable[object]]
    slack: Callable[[str], Awaitable[None]]


class LiveDoctor:
    """Args: `seconds` is a clock for waiting."""

    def __init__(self, asked: Wanted, page: Page, ask: Ask, ways: Ways, seconds: Callable[[], float]) -> None:
        self._asked = asked
        self._page = page
        self._ask = ask
        self._ways = ways
        self._seconds = seconds

    async def run(self) -> int:
        """Take the steps that are wanted; the exit code: 1 where anything was different."""
        if self._asked.team or self._asked.region:
            session = await self._ways.sign_in(self._asked)
            await self._step("AWS, nothing sent", self._asked.aws, lambda: self._nothing_sent(session))
            await self._step("AWS, simulator only", self._asked.simulator, lambda: self._simulator(session))
            await self._step("AWS, one mail to yourself", bool(self._asked.mail), lambda: self._one_mail(session))
        else:
            self._page.line("AWS is left out: name --team CHANNEL or --region REGION to try it.")
        await self._step("Slack", bool(self._asked.slack), self._try_slack)
        return 1 if self._page.different else 0

    async def _step(self, title: str, chosen: bool, take: Callable[[], Awaitable[None]]) -> None:
        if not chosen and (self._asked.names_steps or not self._says_yes(f"{title}: {_WHAT[title]} Run it?")):
            return
        self._page.line(f"== {title}")
        try:
            await take()
        except SesError as error:
            self._page.say(Observation(title, f"{error.action}: {error.code}", "an answer", as_expected=False))

    def _says_yes(self, question: str) -> bool:
        return self._ask(f"{question} [y/N] ").strip().lower() in {"y", "yes"}

    async def _nothing_sent(self, session: AwsSession) -> None:
        step = NothingSent(
            self._ways.asker(session),
            self._page.say,
            self._seconds,
            lambda role, external_id: self._ways.assume(session, role, external_id),
        )
        await step.run()

    async def _simulator(self, session: AwsSession) -> None:
        ses = Ses(session)
        verified = [one for one in await ses.identities() if one.sending_enabled]
        if not verified:
            self._page.say(Observation("a verified identity to send from", "none", "at least one", as_expected=False))
            return
        one = verified[0]
        sender = one.name if one.kind is IdentityKind.ADDRESS else f"mailroom-doctor@{one.name}"
        rate = (await ses.account()).max_send_rate
        await Simulator(self._ways.asker(session), self._page.say, self._seconds, sender, rate).run()

    async def _one_mail(self, session: AwsSession) -> None:
        address = self._asked.mail or self._ask("Your own verified address: ").strip()
        if address:
            await send_one_mail(self._ways.asker(session), self._page.say, address, self._says_yes)

    async def _try_slack(self) -> None:
        channel_id = self._asked.slack or self._ask("Id of a channel that the bot is in (C…): ").strip()
        if channel_id:
            await self._ways.slack(channel_id)


_WHAT = {
    "AWS, nothing sent": "reads the account, asks for what is not there, makes a queue, a topic and a configuration "
    "set, and takes them away again.",
    "AWS, simulator only": "the same pieces, and mail to SES's mailbox simulator, which counts nowhere.",
    "AWS, one mail to yourself": "one mail from your own verified address to itself.",
    "Slack": "the bot must be stopped. Posts a button in a channel; who presses it sees every view and message once.",
}

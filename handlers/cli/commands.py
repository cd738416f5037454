"""The command line: the bot, and what an operator does beside it."""

import argparse
import asyncio
import contextlib
import gc
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from bot.errors import BotError
from bot.logs import configure as configure_logs
from bot.mailer.credential_store import CredentialStore
from bot.scheduler import Scheduler
from bot.ses.client import AwsSession, SesClients
from bot.ses.cloudformation import template
from bot.ses.live.asker import Asker
from bot.ses.regions import regions
from bot.settings import Settings, SettingsError, is_address, load
from bot.teams.installations import Installations
from handlers.cli.copies import make_backup, put_back
from handlers.cli.doctor import CheckResult, Doctor
from handlers.cli.doctor_live import Ask, LiveDoctor, Page, Wanted, Ways, mailer_of, this_machines_key, wanted
from handlers.cli.reports import parse_time, tell_audit, tell_fleet
from handlers.slack.file_transfer import Files
from handlers.slack.live_check import SlackLive
from handlers.slack.live_samples import samples
from handlers.slack.manifest import bot_scopes, manifest, manifest_at
from handlers.slack.oauth.live_installation import LiveInstallation
from handlers.slack.token_checks import (
    check_app_token,
    check_bot_token,
    check_clock,
    check_installations,
    check_ops_channel,
)
from handlers.slack.web_client import web_client
from storage import Database, KeyRing, StorageError, load_keys, utc_now
from storage.key_rotation import check_keys, rotate

COMMANDS: Final = {
    "run": "the bot; also where no command is given",
    "doctor": "look at all that a start needs, and say what to do about what is found; "
    "with --live, try a real AWS account and a real Slack, step by step (--live --help says more)",
    "audit": "who did what since a time, a JSON object a line",
    "backup": "copy the database into one file, while the bot runs or not",
    "fleet": "how each channel's mailer is: states only",
    "manifest": "the Slack app's manifest, as JSON",
    "migrate": "bring the database up to date, and end",
    "new-key": "a sealing key for MAILROOM_KEYS",
    "restore": "put a copy in the place of the database, while no bot runs; the channels are then asked",
    "role-template": "the CloudFormation template of a team's IAM role",
    "rotate-keys": "seal everything with the newest key",
}

ARGUMENTS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "audit": {"--since": {"metavar": "TIME", "type": parse_time, "required": True, "help": "2026-11-24T09:00Z"}},
    "backup": {"file": {"metavar": "FILE", "type": Path, "help": "the copy; an older one there is replaced"}},
    "doctor": {"--live": {"nargs": argparse.REMAINDER, "help": argparse.SUPPRESS}},
    "fleet": {"--json": {"action": "store_true", "help": "as one JSON array"}},
    "manifest": {
        "--url": {"metavar": "https://…", "default": "", "help": "PUBLIC_URL: for HTTP mode, and OAuth"},
        "--socket-mode": {"action": "store_true", "help": "with it: for Socket Mode, and OAuth"},
    },
    "restore": {"file": {"metavar": "FILE", "type": Path, "help": "a copy that `backup` made"}},
}

FAILED: Final = {
    "audit": "There is nothing to tell",
    "backup": "No copy was made",
    "fleet": "There is nothing to tell",
    "restore": "Nothing was restored",
}


class Service(Protocol):
    """What `run` runs."""

    scheduler: Scheduler

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def main(arguments: Sequence[str], build: Callable[[Settings], Service]) -> int:
    """Run a command; return the exit code. A command that does not exist ends the program with 2 and the usage."""
    parser = argparse.ArgumentParser(
        prog="app.py", description="Broadcast email on a team's own Amazon SES, from Slack."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what)
        for argument, options in ARGUMENTS.get(name, {}).items():
            command.add_argument(argument, **options)
    chosen = parser.parse_args(arguments)
    try:
        return _run(chosen, build)
    except (SettingsError, StorageError, ValueError) as error:
        failed = FAILED.get(chosen.command, "Mailroom cannot start")
        print(f"{failed}: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1


def _run(chosen: argparse.Namespace, build: Callable[[Settings], Service]) -> int:
    match chosen.command:
        case "manifest":
            print(json.dumps(_manifest(chosen), indent=2))  # noqa: T201 - a command's answer
        case "new-key":
            print(KeyRing.generate().export().reveal())  # noqa: T201 - a command's answer
        case "role-template":
            print(template(), end="")  # noqa: T201 - a command's answer
        case "doctor":
            return _doctor() if chosen.live is None else _doctor_live(chosen.live)
        case "audit" | "backup" | "fleet" | "restore":
            asyncio.run(_on_database(chosen, load()))
        case "migrate":
            asyncio.run(with_database(load()))
        case "rotate-keys":
            sealed = asyncio.run(with_database(load(), rotate))
            print(f"{sealed} sealed values now use the newest key")  # noqa: T201 - a command's answer
        case _:
            settings = load()
            configure_logs(settings.log_level, settings.log_format)
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(serve(partial(build, settings)))
    return 0


async def _on_database(chosen: argparse.Namespace, settings: Settings) -> None:
    match chosen.command:
        case "audit":
            await tell_audit(settings, chosen.since, say)
        case "backup":
            await make_backup(settings, chosen.file, say)
        case "fleet":
            await tell_fleet(settings, say, as_json=chosen.json)
        case "restore":
            await put_back(settings, chosen.file, say)


def _manifest(chosen: argparse.Namespace) -> dict[str, Any]:
    if not chosen.url:
        return manifest()
    if not is_address(chosen.url, paths={"", "/"}):
        raise SettingsError("--url must be the https address of this service, without a path.")
    return manifest_at(chosen.url, socket_mode=chosen.socket_mode)


def say(line: str) -> None:
    """Print a line of a command's answer."""
    print(line, flush=True)  # noqa: T201 - a command's answer


async def serve(build: Callable[[], Service]) -> None:
    """Run until SIGTERM or SIGINT, which also ends a start that waits for Slack."""
    service = build()
    ending = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ending.set)
    try:
        regions()  # read now, since botocore's file of them takes longer than a click may wait
        if not await _started(service, ending):
            return
        gc.freeze()  # what has been built stays: going through all of it again and again stops everything for 0.2 s
        service.scheduler.start()
        await ending.wait()
    finally:
        await service.stop()


async def _started(service: Service, ending: asyncio.Event) -> bool:
    """Start it; False: it was to end before that was done. Raises what the start raises."""
    starting, told = asyncio.create_task(service.start()), asyncio.create_task(ending.wait())
    await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
    for task in (starting, told):
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
    if starting.cancelled():
        return False
    starting.result()
    return True


async def with_database(settings: Settings, work: Callable[[Database, KeyRing], Awaitable[int]] | None = None) -> int:
    """Bring the database up to date and do one piece of work on it; return what that returns."""
    db = Database(settings.database_url)
    keys = load_keys(settings.mailroom_keys, db.path)
    await db.start()
    try:
        await check_keys(db, keys)
        return await work(db, keys) if work else 0
    finally:
        await db.stop()


def _doctor() -> int:
    findings = asyncio.run(examine(load()))
    print(*findings, sep="\n")  # noqa: T201 - a command's answer
    return 0 if all(one.well for one in findings) else 1


async def examine(settings: Settings) -> list[CheckResult]:
    """Look at all that a start needs."""
    db, clients = Database(settings.database_url), SesClients()
    slack_checks = {"Slack": partial(check_bot_token, web_client(settings, settings.slack_bot_token), bot_scopes())}
    if settings.by_oauth:
        slack_checks = {"Slack": partial(check_installations, settings, db, bot_scopes())}
    if settings.ops_channel:
        slack_checks["operator's channel"] = partial(check_ops_channel, settings, db)
    if settings.socket_mode:
        slack_checks["Socket Mode"] = partial(
            check_app_token, web_client(settings, settings.slack_bot_token), settings.slack_app_token.reveal()
        )
    slack_checks["clock"] = partial(check_clock, web_client(settings, settings.slack_bot_token), utc_now)
    try:
        return await Doctor(settings, db, clients, slack_checks).examine()
    finally:
        clients.close()
        await db.stop()


def _doctor_live(arguments: Sequence[str]) -> int:
    asked, settings = wanted(arguments), load()
    page = Page(Path(f"doctor-live-{datetime.now(UTC):%Y%m%d-%H%M%S}.txt"), print)
    code = asyncio.run(examine_live(settings, asked, page, input))
    page.line(f"All of it is in {page.path}: no secret and no address is in it, and it may go into a bug report.")
    return code


async def examine_live(settings: Settings, asked: Wanted, page: Page, ask: Ask) -> int:
    """Try AWS and Slack as they are; the exit code. Stopped by a signal, it takes away what it has made."""
    db, clients = Database(settings.database_url), SesClients()

    async def sign_in(asked: Wanted) -> AwsSession:
        if asked.region:
            return clients.sign_in("doctor", 0, await asyncio.to_thread(this_machines_key), asked.region, "doctor")
        credential_store = CredentialStore(load_keys(settings.mailroom_keys, db.path), clients)
        return credential_store.open_session(await mailer_of(db, asked.team))

    async def try_slack(channel_id: str) -> None:
        client = web_client(settings, settings.slack_bot_token)
        if settings.by_oauth:
            installations = Installations(db, load_keys(settings.mailroom_keys, db.path))
            client = await LiveInstallation(settings, installations, db.now, asked.workspace).client(page.say)
        live = SlackLive(
            client,
            Files(settings.slack_api_url),
            samples(),
            page.say,
            app_token=settings.slack_app_token.reveal(),
            scopes=bot_scopes(),
            sleep=asyncio.sleep,
        )
        await live.run(channel_id)

    if task := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # SIGINT does so by itself
    ways = Ways(sign_in, lambda session: Asker(session, asyncio.sleep), clients.assume, try_slack)
    doctor = LiveDoctor(asked, page, ask, ways, time.monotonic)
    try:
        return await doctor.run()
    except asyncio.CancelledError:
        page.line("Stopped; what was made was taken away again.")
        return 1
    except BotError as error:
        page.line(error.text)
        return 1
    finally:
        clients.close()
        await db.stop()

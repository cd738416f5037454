"""`doctor --live` as the operator takes it, on an AWS of the tests."""

from collections.abc import Callable, Sequence
from pathlib import Path

from bot.ses.client import AwsSession, SesClients
from bot.ses.live.asker import Asker
from handlers.cli.doctor_live import LiveDoctor, Page, Wanted, Ways, wanted
from tests.databases import Clock


async def take_steps(
    arguments: Sequence[str],
    session: AwsSession,
    clients: SesClients,
    path: Path,
    clock: Clock,
    *,
    yes: str = "y",
    meanwhile: Callable[[], object] = lambda: None,
) -> tuple[int, list[str]]:
    """Return the exit code, and the lines. `yes` is the operator's answer; `meanwhile` runs at each rest."""
    lines: list[str] = []

    async def sign_in(_asked: Wanted) -> AwsSession:
        return session

    async def slack(_channel_id: str) -> None:
        raise AssertionError

    async def sleep(seconds: float) -> None:
        meanwhile()
        await clock.sleep(seconds)

    ways = Ways(sign_in, lambda session: Asker(session, sleep, event_wait=0), clients.assume, slack)
    page = Page(path, lines.append)
    doctor = LiveDoctor(wanted(arguments), page, lambda _: yes, ways, lambda: clock().timestamp())
    return await doctor.run(), lines


def different(lines: Sequence[str]) -> dict[str, str]:
    """Return what was answered otherwise than expected, by the name of the observation."""
    marked = [line.removeprefix("DIFFERENT ") for line in lines if line.startswith("DIFFERENT ")]
    return dict(line.split(": ", 1) for line in marked)

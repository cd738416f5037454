"""`python app.py doctor`: looks at all that a start needs, changes nothing, and says what to do about each finding."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from sqlmodel import select

from bot.errors import BotError
from bot.ses.client import SesClients
from bot.settings import Settings, is_loopback
from bot.wording import count, duration, size
from handlers.cli.codes import CliCode
from handlers.cli.connectivity import check_reach
from storage import Access, Database, Mailer, StorageError, load_keys
from storage.key_rotation import fit
from storage.migrations import revisions

Check = Callable[[], Awaitable[str]]
_BYTES_A_SECOND = 10_000_000  # of a database that a step of a migration writes anew, on a slow machine
SOME_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one look found. `said` holds no secret; where all is not well it says what to do."""

    name: str
    well: bool
    said: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.well else 'BAD '} {self.name}: {self.said}"


class Doctor:
    """Args: `slack` has further checks by name, as those of `handlers.slack.token_checks`."""

    def __init__(self, settings: Settings, db: Database, clients: SesClients, slack: Mapping[str, Check]) -> None:
        self._settings = settings
        self._db = db
        self._clients = clients
        self._slack = slack

    async def examine(self) -> list[CheckResult]:
        """Look at everything, also after something was found."""
        checks: dict[str, Check] = {
            "settings": self._check_settings,
            "policy": self._check_policy,
            "database": self._check_database,
            "sealing keys": self._check_keys,
            **self._slack,
            "AWS": self._check_aws,
            "mailers": self._check_mailers,
            "restore": self._check_restore,
        }
        found: list[CheckResult] = []
        for name, check in checks.items():
            result = await self._look(name, check)
            first = next((one.name for one in found if not one.well and one.said == result.said), "")
            found.append(replace(result, said=f"the same as {first} above") if first else result)
        return found

    @staticmethod
    async def _look(name: str, check: Check) -> CheckResult:
        try:
            return CheckResult(name, well=True, said=await check())
        except BotError as error:
            return CheckResult(name, well=False, said=error.text)
        except (StorageError, ValueError) as error:
            return CheckResult(name, well=False, said=str(error))
        except Exception as error:  # noqa: BLE001 - whatever keeps a look from being taken is the finding
            return CheckResult(name, well=False, said=f"this could not be looked at ({type(error).__name__})")

    async def _check_settings(self) -> str:
        settings = self._settings
        mode = "Socket Mode" if settings.socket_mode else "HTTP mode"
        if not settings.public_url:
            return f"{mode}; without PUBLIC_URL recipients unsubscribe by mail, which nobody here sees"
        if not settings.mailroom_proxies and is_loopback(settings.host):
            raise BotError(
                CliCode.PROXIES,
            )
        return f"{mode}; links in mails lead to PUBLIC_URL"

    async def _check_policy(self) -> str:
        fixed = " ".join(self._settings.policy.sentences())
        return fixed or "none, so each team decides by itself (MAILROOM_POLICY_FILE)"

    async def _check_database(self) -> str:
        if await self._is_new():
            return f"{self._db.dialect}, with nothing in it yet; the first start makes its tables"
        if steps := await self._db.pending():
            several = count(len(steps), "step")
            return (
                f"{self._db.dialect}, with an older schema, which the next start brings up to date in {several} "
                f"({'; '.join(steps)}); {await self._how_long(len(steps))}. Make a backup first"
            )
        return f"{self._db.dialect}, with the schema of this version"

    async def _how_long(self, steps: int) -> str:
        held = await self._db.size()
        return f"with {size(held)} it may take up to {duration(upgrade_seconds(steps, held))}"

    async def _check_keys(self) -> str:
        file = self._db.path  # None of PostgreSQL, for which the keys are set
        if not self._settings.mailroom_keys and file and not file.with_name(f"{file.name}.keys").exists():
            if await self._is_new():
                return "there are none yet; the first start makes them"
            raise BotError(CliCode.KEYS)
        keys = load_keys(self._settings.mailroom_keys, self._db.path)
        if await self._is_new() or await fit(self._db, keys):
            return f"the newest is {keys.newest}"
        return f"the newest is {keys.newest}, which the next start begins to use"

    async def _check_aws(self) -> str:
        regions = sorted({region for region, _ in await self._mailers()}) or [SOME_REGION]
        for region in regions:
            await check_reach(self._clients, region)
        own = await self._clients.own_account()
        role = f"own principal in account {own}" if own else "no principal of its own, so IAM roles are not offered"
        return f"SES answers in {', '.join(regions)}; {role}"

    async def _check_mailers(self) -> str:
        standing = await self._mailers()
        lost = sum(access is Access.LOST for _, access in standing)
        if lost:
            raise BotError(
                CliCode.MAILERS_WITHOUT_ACCESS,
                f"{lost} of {len(standing)} have lost access to AWS.",
                "Their channels were told, and can reconnect.",
            )
        return f"{len(standing)} connected"

    async def _check_restore(self) -> str:
        if not self._settings.mailroom_suppression_journal:
            return (
                "without MAILROOM_SUPPRESSION_JOURNAL it loses who unsubscribed or was erased since the copy was made"
            )
        return "brings back from the journal who unsubscribed, complained or was erased since the copy was made"

    async def _mailers(self) -> list[tuple[str, Access]]:
        if await self._is_new():
            return []
        standing = select(Mailer.region, Mailer.access)
        async with self._db.read() as session:
            return [(region, Access(access)) for region, access in await session.exec(standing)]

    async def _is_new(self) -> bool:
        """Tell whether the first start is still to come: no step of the schema has been taken."""
        path = self._db.path
        return not path.exists() if path else len(await self._db.pending()) == len(revisions())


def upgrade_seconds(steps: int, held: int) -> float:
    """Return how long a start may take at most: a step may write all that is held anew, on SQLite above all."""
    return steps * held / _BYTES_A_SECOND

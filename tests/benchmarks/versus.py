"""The same recipients through Mailroom and through what a Python team would use instead, at one SES, in one run.

Each peer (`peers.py`) first tries what it may be run with, on fewer recipients; what served it best is measured.
Then each is killed in the middle, and begun again as one would who has nothing but what it left.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.broadcast.content.message import CompiledMessage
from storage import leases
from storage.models import Broadcast
from tests.benchmarks.importing import write_csv
from tests.benchmarks.measure import Measured, at_least_times, at_most_times, say
from tests.benchmarks.replicas import running
from tests.benchmarks.rig import PUBLIC_URL, rig
from tests.benchmarks.sending import _run
from tests.benchmarks.ses import started, tally
from tests.databases import Databases
from tests.playground.stage import ROOT

SIZE, KILLED, TRIED = 20_000, 4_000, 1_000  # recipients
LATENCY = 0.02  # seconds that SES takes to answer
RATE = 500  # recipients a second, where one is killed
WORKERS = (4, 16, 48)
RETRIES = ("standard", "adaptive", "tenacity")
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
ONE_BY_ONE, BULK = ("boto3", "anymail"), "anymail_bulk"
PEERS = (*ONE_BY_ONE, BULK)
_ENDS = ("sent", "in_doubt")
_UNITS = {"rate": "recipients a second", "cpu": "µs CPU a recipient"}


@dataclass(frozen=True)
class Result:
    """Of one that was run and killed.

    Recipients mailed twice once it was begun again, and mailed by nobody where it was not; of those mailed before the
    kill the share in percent of whom it can be said.
    """

    rate: float
    cpu: float
    twice: int
    lost: int
    known: float
    note: str = ""


@dataclass(frozen=True)
class _Run:
    workers: int
    retries: str

    def __str__(self) -> str:
        return f"{self.workers} workers, as many connections, retries {self.retries}"


async def versus(scale: float) -> Sequence[Measured]:
    if not PYTHON.exists():
        raise SystemExit(f"{PYTHON.parent.parent.name} is missing: `make {PYTHON.parent.parent.name}` makes it")
    size = max(500, int(SIZE * scale))
    killed, tried = max(500, int(KILLED * scale)), max(200, int(TRIED * scale))
    with Databases() as databases:
        ours, letter = await _mailroom(databases, size, killed)
        theirs = _Peers(databases.directory, letter)
        found = {name: theirs.measured(name, size, killed, tried) for name in PEERS}
    return [*_targets(ours, found), *(row for name, result in found.items() for row in _rows(name, result))]


def _targets(ours: Result, peers: dict[str, Result]) -> list[Measured]:
    singles = [peers[name] for name in ONE_BY_ONE]
    fastest, cheapest = max(each.rate for each in singles), min(each.cpu for each in singles)
    twice, lost = (min(getattr(each, what) for each in peers.values()) for what in ("twice", "lost"))
    ahead = "none"
    return [
        at_least_times("versus.rate", ours.rate, _UNITS["rate"], fastest, 1),
        at_most_times("versus.cpu", ours.cpu, _UNITS["cpu"], cheapest, 1),
        at_most_times("versus.cpu_bulk", ours.cpu, _UNITS["cpu"], peers[BULK].cpu, 1.2),
        Measured("versus.twice", ours.twice, "recipients after a kill", twice or None, ahead, not ours.twice),
        Measured("versus.lost", ours.lost, "recipients after a kill", lost or None, ahead, not ours.lost),
        Measured("versus.known", ours.known, "% of those mailed", None, "all", ours.known >= 100, ours.note),
    ]


def _rows(name: str, found: Result) -> Iterator[Measured]:
    """A peer has no target: it is one."""
    values = {
        "rate": _UNITS["rate"],
        "cpu": _UNITS["cpu"],
        "twice": "recipients after a kill, begun again",
        "lost": "recipients after a kill, left alone",
        "known": "% of those mailed",
    }
    for what, unit in values.items():
        yield Measured(f"versus.{name}.{what}", getattr(found, what), unit, None, "", True, found.note)


async def _mailroom(databases: Databases, size: int, killed: int) -> tuple[Result, dict[str, str]]:
    """Return what it comes to, and the mail that all send, with places for what differs."""
    with started(latency=LATENCY) as ses:
        async with rig(await databases.create("sqlite"), ses) as made:
            broadcast = await made.confirmed(await made.connect(), size)
            spent = await _run(made, size)
    say(f"mailroom: {size / spent.wall:,.0f} a second, {spent.cpu / size * 1e6:.0f} µs each")
    return await _killed_mailroom(databases, killed, size / spent.wall, spent.cpu / size * 1e6), _letter(broadcast)


def _letter(broadcast: Broadcast) -> dict[str, str]:
    compiled = CompiledMessage.from_json(broadcast.template)
    mail = compiled.sample([f"{{{column}}}" for column in compiled.columns])
    parts = {"subject": mail.subject, "text": mail.text, "html": mail.html}
    return {name: part.replace(f"{PUBLIC_URL}/u/…", "{unsubscribe}") for name, part in parts.items()}


async def _killed_mailroom(databases: Databases, size: int, rate: float, cpu: float) -> Result:
    """Kill its process in the middle, and start another on the same file."""
    url = await databases.create("sqlite")
    with started(rate=RATE, latency=LATENCY) as ses:
        async with rig(url, ses) as made:
            await made.confirmed(await made.connect(), size)
        with running(made, ses, 1) as replicas:
            _until_half(ses, size)
            for replica in replicas.values():
                replica.kill()
                replica.wait()
        mailed = int(tally(ses)["accepted"])
        async with rig(url, ses, made.keys) as again:
            before = await again.counts()
            async with again.db.write() as session:
                await leases.reclaim_all(session, again.db.now())
            engine = again.engine()
            while (left := await again.counts()).get("pending", 0) or left.get("sending", 0):
                await engine.tick()
                await engine.idle()
        told = tally(ses)
    in_doubt = left.get("in_doubt", 0)
    known = 100 * min(1.0, (size - before.get("pending", 0)) / mailed)
    note = f"{in_doubt} in doubt, named, and mailed again only where somebody asks"
    say(f"mailroom, killed after {mailed:,}: {left}; {told['twice']:.0f} twice")
    return Result(rate, cpu, int(told["twice"]), size - sum(left.get(each, 0) for each in _ENDS), known, note)


class _Peers:
    """Runs them, each time in a process of its own."""

    def __init__(self, folder: Path, letter: dict[str, str]) -> None:
        self._folder = folder
        self._letter = folder / "letter.json"
        self._letter.write_text(json.dumps(letter))

    def measured(self, name: str, size: int, killed: int, tried: int) -> Result:
        best, tries = self._best(name, tried)
        with started(latency=LATENCY) as ses:
            spent = self._finished(name, best, ses, size)
        rate, cpu = size / spent["seconds"], spent["cpu"] / size * 1e6
        say(f"{name}: {best}: {rate:,.0f} a second, {cpu:.0f} µs each")
        with started(rate=RATE, latency=LATENCY) as ses:
            with self._started(name, best, ses, killed) as process:
                _until_half(ses, killed)
                process.kill()
            mailed = int(tally(ses)["accepted"])
            self._finished(name, best, ses, killed)  # nothing says who was mailed: all are
            twice = int(tally(ses)["twice"])
        return Result(rate, cpu, twice, killed - mailed, 0, f"{best}; tried: {tries}")

    def _best(self, name: str, size: int) -> tuple[_Run, str]:
        """Return what serves it best: the workers by rate; the retries by how few SES's throttling has it give up."""
        with started(latency=LATENCY) as ses:
            seconds = {
                workers: self._finished(name, _Run(workers, "standard"), ses, size)["seconds"] for workers in WORKERS
            }
        workers = min(seconds, key=lambda each: seconds[each])
        throttled = {}
        for retries in RETRIES:
            with started(rate=RATE, latency=LATENCY) as ses:
                spent = self._finished(name, _Run(workers, retries), ses, size)
                throttled[retries] = (int(spent["given_up"]), spent["seconds"])
        best = _Run(workers, min(throttled, key=lambda each: throttled[each]))
        rates = [f"{size / seconds[each]:,.0f} a second with {each} workers" for each in WORKERS]
        losses = [f"{lost} given up by {each} in {took:.1f} s" for each, (lost, took) in throttled.items()]
        say(f"{name} tried: {', '.join((*rates, *losses))}")
        return best, ", ".join((*rates, *losses))

    def _finished(self, name: str, how: _Run, ses: str, size: int) -> dict[str, float]:
        with self._started(name, how, ses, size) as process:
            said, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{name} failed")
        spent: dict[str, float] = json.loads(said)
        return spent

    def _started(self, name: str, how: _Run, ses: str, size: int) -> subprocess.Popen[str]:
        audience = self._folder / f"{size}.csv"
        write_csv(audience, size)
        options = ["--url", ses, "--audience", str(audience), "--letter", str(self._letter)]
        run = ["--workers", str(how.workers), "--retries", how.retries]
        command = [str(PYTHON), "-m", "tests.benchmarks.peers", name, *options, *run]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603 - ourselves


def _until_half(ses: str, size: int) -> None:
    while tally(ses)["accepted"] < size / 2:
        time.sleep(0.05)

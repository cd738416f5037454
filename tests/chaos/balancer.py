"""A real balancer in front of the replicas, with the file that docs/operations has for it, but for the addresses."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations"
PROGRAMS = ("haproxy", "caddy")
_WAIT_SECONDS = 20


class BalancerMissingError(Exception):
    """This machine has none; the message says what to install."""


def installed() -> str:
    """Return the name of a balancer that is here. Raises BalancerMissingError."""
    for name in PROGRAMS:
        if shutil.which(name):
            return name
    raise BalancerMissingError("neither haproxy nor caddy is installed (apt-get install haproxy)")


def configuration(program: str, port: int, replicas: Sequence[int]) -> str:
    """Return the documented file, listening on and leading to loopback ports."""
    if program == "haproxy":
        text = (OPERATIONS / "haproxy.cfg").read_text()
        text = text.replace("bind :8080", f"bind 127.0.0.1:{port}")
        kept = [line for line in text.splitlines() if not re.match(r"\s+server ", line)]
        servers = [f"\tserver replica-{number} 127.0.0.1:{each}" for number, each in enumerate(replicas, 1)]
        return "\n".join([*kept, *servers, ""])
    text = (OPERATIONS / "replicas.Caddyfile").read_text()
    text = text.replace("https://mail.example.com", f"http://127.0.0.1:{port}")
    there = " ".join(f"127.0.0.1:{each}" for each in replicas)
    return "{\n\tadmin off\n}\n" + re.sub(r"(reverse_proxy) [^{]+", rf"\1 {there} ", text)


@asynccontextmanager
async def balancer(program: str, folder: Path, port: int, replicas: Sequence[int]) -> AsyncIterator[str]:
    """Run it until the end; gives its address."""
    file, log = folder / program, folder / f"{program}.log"
    file.write_text(configuration(program, port, replicas))
    how = ["haproxy", "-db", "-f", str(file)]
    if program == "caddy":
        how = ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]
    home = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(*how, stdout=written, stderr=written, env=home)
    try:
        await _answers(f"http://127.0.0.1:{port}/u/none", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    """Wait until a replica behind it does."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(_WAIT_SECONDS):
        while process.returncode is None:
            try:
                async with http.get(url) as answer:
                    if answer.status < 500:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)  # another process: there is nothing to wait on but its port
    raise RuntimeError(f"the balancer ended:\n{await asyncio.to_thread(log.read_text)}")

"""One replica of the engine as a process: `python -m tests.benchmarks.replica`, until it is stopped or killed."""

import asyncio
import os
import sys

from storage.sealing import KeyRing
from tests.benchmarks.rig import rig


async def main() -> None:
    keys = KeyRing.parse(os.environ["MAILROOM_KEYS"])
    async with rig(os.environ["DATABASE_URL"], os.environ["AWS_ENDPOINT_URL"], keys) as made:
        engine = made.engine()
        print(engine._owner, flush=True)
        while True:
            await engine.tick()
            await asyncio.sleep(1)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

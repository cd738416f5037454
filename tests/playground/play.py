"""`make play`: a local Slack, a local AWS and the bot, left running, and a page where one is in the channel."""

import argparse
import asyncio
import signal

from tests.playground.page import PlayPage
from tests.playground.stage import OWN_ACCOUNT, stage

PORT = 8642


async def main(port: int) -> None:
    """Run until Ctrl-C or SIGTERM, then end what was started."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    print("starting a Slack, an AWS and Mailroom between them …", flush=True)
    async with stage(own_account=OWN_ACCOUNT, MAILROOM_UNDO_SECONDS="10") as on, PlayPage(on, port) as page:
        print(f"\n    {page.url}\n\nStart with /mailer there. Ctrl-C ends everything.", flush=True)
        await stopped.wait()
    print("\nended")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help=f"of the page, 0 for any that is free ({PORT})")
    asyncio.run(main(parser.parse_args().port))

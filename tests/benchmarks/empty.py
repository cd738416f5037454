"""A Bolt app that only acknowledges: `python -m tests.benchmarks.empty`, with PORT and SLACK_* as for Mailroom."""

import os
import re

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


def main() -> None:
    client = AsyncWebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"])
    app = AsyncApp(client=client, signing_secret=os.environ["SLACK_SIGNING_SECRET"])

    async def acknowledge(ack: AsyncAck) -> None:
        await ack()

    app.command("/mailer")(acknowledge)
    app.action(re.compile(".*"))(acknowledge)
    app.server(port=int(os.environ["PORT"]), path="/slack/events", host="127.0.0.1").start()


if __name__ == "__main__":
    main()

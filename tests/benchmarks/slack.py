"""A Slack that answers at once, as a process of its own: `python -m tests.benchmarks.slack`.

One workspace in which everybody is a member and in every channel. It checks nothing and costs next to nothing, as the
local SES beside it, and counts the answers that people got.
"""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import Any

from tests.benchmarks.ses import serve

WORKSPACE, PERSON = "T1", "U1"
RESPONSES = "/responses"  # the beginning of the path of every response_url


class Slack:
    def __init__(self) -> None:
        self._numbers = count(1)
        self._answers = 0

    def answer(self, head: bytes, _body: bytes, _now: float) -> tuple[int, bytes]:
        path = head.split(b" ", 2)[1].decode()
        if path.startswith(RESPONSES):
            self._answers += 1
        if path == "/tally":
            return 200, json.dumps({"answers": self._answers}).encode()
        return 200, json.dumps({"ok": True, **self._method(path.rpartition("/")[2].partition("?")[0])}).encode()

    def _method(self, name: str) -> dict[str, Any]:
        number = next(self._numbers)
        match name:
            case "auth.test":
                return {"team_id": WORKSPACE, "user_id": "UBOT", "bot_id": "B1", "team": "Acme", "user": "mailroom"}
            case "users.info":
                return {"user": {"id": PERSON, "team_id": WORKSPACE}}
            case "conversations.members":
                return {"members": [PERSON]}
            case "conversations.info":
                return {"channel": {"id": "C1", "name": "news-1"}}
            case "chat.postMessage":
                return {"channel": "C1", "ts": f"{number}.000100", "message": {}}
            case _:
                return {"view": {"id": f"V{number}", "hash": str(number)}}


if __name__ == "__main__":
    asyncio.run(serve(Slack().answer))

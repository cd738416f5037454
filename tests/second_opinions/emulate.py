"""The Slack of npm `emulate`, in a process of its own, behind a relay that adds what it lacks.

It takes reads by POST only, has no users.conversations, no response_url and no interactivity: the relay turns GET into
POST, answers for the first from conversations.list, keeps what is sent to the second, and signs the third.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import yaml
from aiohttp import web

from handlers.slack.manifest import manifest
from tests.playground.ports import free_port
from tests.playground.slack.delivery import Kind, encoded, signed_headers
from tests.playground.slack.inputs import merged, state_values

HERE = Path(__file__).parent
NODE = HERE / "node_modules" / ".bin" / "node"
PROGRAM = HERE / "node_modules" / "emulate" / "dist" / "index.js"
START_SECONDS = 30
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
CLIENT = {"client_id": "1.2", "client_secret": "of the app"}
PERSON = "xoxp-ada"  # Ada's own token: what she reads and uploads
Json = dict[str, Any]


class Emulate:
    """Ada, an admin, and Mailroom in a channel; every call that the bot has made, and what came back."""

    def __init__(self, http: aiohttp.ClientSession, upstream: str, relay: str) -> None:
        self.http, self.upstream, self.url = http, upstream, relay
        self.calls: list[tuple[str, Json]] = []
        self.said: list[Json] = []  # by response_url
        self.bot_token = ""
        self.request_url = ""
        self.ada = self.news = ""

    @property
    def refused(self) -> list[tuple[str, str]]:
        return [(method, answer["error"]) for method, answer in self.calls if not answer.get("ok")]

    async def ask(self, method: str, token: str, **values: Any) -> Json:
        """A call of somebody else than the bot, which is taken."""
        answer = await self._forward(method, f"Bearer {token}", values)
        assert answer["ok"], (method, answer)
        return answer

    async def install(self, scopes: str) -> str:
        """Go through OAuth as Ada; the bot's token, with exactly these scopes."""
        back = "http://127.0.0.1/back"
        agreed = {
            "user_id": self.ada,
            "redirect_uri": back,
            "scope": scopes,
            "state": "s",
            "client_id": CLIENT["client_id"],
        }
        async with self.http.post(
            f"{self.upstream}/oauth/v2/authorize/callback", data=agreed, allow_redirects=False
        ) as sent:
            code = parse_qs(urlsplit(sent.headers["Location"]).query)["code"][0]
        answer = await self._forward("oauth.v2.access", "", {"code": code, "redirect_uri": back, **CLIENT})
        assert answer["scope"] == scopes
        return str(answer["access_token"])

    async def upload(self, name: str, content: bytes) -> Json:
        """Ada's file, in Slack's three steps; what is handed over in a modal is here posted in the channel instead."""
        begun = await self.ask("files.getUploadURLExternal", PERSON, filename=name, length=str(len(content)))
        async with self.http.post(begun["upload_url"].replace(self.url, self.upstream), data=content) as answer:
            assert answer.status == 200
        files = [{"id": begun["file_id"], "title": name}]
        await self.ask("files.completeUploadExternal", PERSON, files=files, channel_id=self.news)
        return {"id": begun["file_id"], "name": name, "size": len(content)}

    # What Slack sends to the app

    async def command(self, command: str, text: str = "") -> None:
        await self._send(
            Kind.COMMAND,
            {
                "command": command,
                "text": text,
                "channel_id": self.news,
                "channel_name": "news",
                "team_id": "T000000001",
                "user_id": self.ada,
                "user_name": "ada",
                "api_app_id": "A0MAILROOM",
                "response_url": f"{self.url}/respond",
                "trigger_id": await self._trigger(),
            },
        )

    async def chooses(self, view: Json, label: str, value: str) -> None:
        """A choice in a modal that asks the app to draw it again."""
        block, element = _field(view, label)
        action = {"action_id": element["action_id"], "block_id": block["block_id"], "type": element["type"]}
        action["selected_option"] = _chosen(element, value)
        await self._send(Kind.INTERACTION, {**await self._interaction("block_actions", view), "actions": [action]})

    async def submits(self, view: Json, typed: dict[str, Any]) -> None:
        """A modal with these values by label, sent off; what the app answers is done to the modal."""
        values = merged(view["blocks"], {})
        for label, value in typed.items():
            block, element = _field(view, label)
            values[block["block_id"], element["action_id"]] = _chosen(element, value)
        state = state_values(view["blocks"], values, lambda file: file)  # type: ignore[arg-type,return-value]
        payload = await self._interaction("view_submission", {**view, "state": state})
        done = await self._send(Kind.INTERACTION, {**payload, "response_urls": []}) or {"response_action": "clear"}
        assert done["response_action"] in {"update", "clear"}, done
        if done["response_action"] == "update":
            answer = await self.ask("views.update", self.bot_token, view_id=view["id"], view=done["view"])
            self.calls.append(("views.update", answer))

    async def opens_home(self) -> None:
        event = {"type": "app_home_opened", "user": self.ada, "channel": "D1", "tab": "home", "event_ts": "1.1"}
        outer = {"team_id": "T000000001", "api_app_id": "A0MAILROOM", "type": "event_callback", "event_id": "Ev1"}
        await self._send(Kind.EVENT, {**outer, "event": event, "event_time": 1})

    def last_view(self) -> Json:
        return next(answer["view"] for _, answer in reversed(self.calls) if "view" in answer)

    async def _interaction(self, kind: str, view: Json) -> Json:
        return {
            "type": kind,
            "team": {"id": "T000000001", "domain": "acme"},
            "user": {"id": self.ada, "name": "ada", "team_id": "T000000001"},
            "api_app_id": "A0MAILROOM",
            "trigger_id": await self._trigger(view["id"]),
            "container": {"type": "view", "view_id": view["id"]},
            "view": view,
        }

    async def _trigger(self, view_id: str = "") -> str:
        of = {"user_id": self.ada, **({"view_id": view_id} if view_id else {})}
        return str((await self._forward("views.generateTriggerId", f"Bearer {self.bot_token}", of))["trigger_id"])

    async def _send(self, kind: Kind, payload: Json) -> Any:
        content_type, body = encoded(kind, payload)
        headers = {"Content-Type": content_type, **signed_headers(SIGNING_SECRET, body, int(time.time()))}
        async with self.http.post(self.request_url, data=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return json.loads(text) if text.startswith("{") else None

    # The relay

    async def handle(self, request: web.Request) -> web.Response:
        body = await (request.json() if request.content_type == "application/json" else request.post())
        values = {**request.query, **body}
        method = request.match_info["method"]
        answer = await self._forward(method, request.headers.get("Authorization", ""), values)
        self.calls.append((method, answer))
        return web.json_response(answer)

    async def respond(self, request: web.Request) -> web.Response:
        self.said.append(await request.json())
        return web.Response(text="ok")

    async def pass_on(self, request: web.Request) -> web.Response:
        """Files: bytes up and down."""
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        sent = self.http.request(
            request.method, f"{self.upstream}{request.path_qs}", data=await request.read(), headers=headers
        )
        async with sent as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)

    async def _forward(self, method: str, authorization: str, values: Json) -> Json:
        asked = "conversations.list" if method == "users.conversations" else method
        headers = {"Authorization": authorization} if authorization else {}
        async with self.http.post(f"{self.upstream}/api/{asked}", json=values, headers=headers) as answer:
            return json.loads(await answer.text())  # type: ignore[no-any-return]


def _field(view: Json, label: str) -> tuple[Json, Json]:
    for block in view["blocks"]:
        if block["type"] == "input" and block["label"]["text"] == label:
            return block, block["element"]
    raise AssertionError(f"no field {label} in {[b.get('label', {}).get('text') for b in view['blocks']]}")


def _chosen(element: Json, value: Any) -> Any:
    """The option of that value, where the field is a choice."""
    groups = element.get("option_groups", [{"options": element.get("options", [])}])
    return next((option for group in groups for option in group["options"] if option["value"] == value), value)


@asynccontextmanager
async def emulate() -> AsyncIterator[Emulate]:
    """Start it, with scopes strict, and install the app with the scopes of manifest.yml."""
    scopes = manifest()["oauth_config"]["scopes"]["bot"]
    seed = {
        "strict_scopes": True,
        "team": {"name": "Acme", "domain": "acme"},
        "channels": [{"name": "news"}],
        "oauth_apps": [
            {
                **CLIENT,
                "name": "Mailroom",
                "app_id": "A0MAILROOM",
                "scopes": scopes,
                "redirect_uris": ["http://127.0.0.1/back"],
            }
        ],
        "tokens": [{"token": PERSON, "user": "admin"}],
    }
    port = free_port()
    upstream = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as http:
        with tempfile.TemporaryDirectory() as folder:
            seeded = Path(folder) / "seed.yaml"
            seeded.write_text(yaml.safe_dump({"slack": seed}))
            relay_port = free_port()
            slack = Emulate(http, upstream, f"http://127.0.0.1:{relay_port}")
            arguments = (
                "start",
                "--service",
                "slack",
                "--port",
                str(port),
                "--seed",
                str(seeded),
                "--base-url",
                slack.url,
            )
            process = await asyncio.create_subprocess_exec(
                NODE,
                PROGRAM,
                *arguments,
                cwd=folder,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(os.environ),
            )
            try:
                await _ready(process)
                runner = await _relay(slack, relay_port)
                try:
                    people = (await slack.ask("users.list", PERSON))["members"]
                    slack.ada = next(person["id"] for person in people if person["is_admin"])
                    channels = (await slack.ask("conversations.list", PERSON))["channels"]
                    slack.news = next(channel["id"] for channel in channels if channel["name"] == "news")
                    slack.bot_token = await slack.install(",".join(scopes))
                    yield slack
                finally:
                    await runner.cleanup()
            finally:
                process.terminate()
                await process.wait()


async def _ready(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        async for line in process.stdout:
            if b"Ready" in line:
                return
    raise RuntimeError("emulate did not start")


async def _relay(slack: Emulate, port: int) -> web.AppRunner:
    app = web.Application(client_max_size=2**24)
    app.add_routes(
        [
            web.route("*", "/api/{method}", slack.handle),
            web.post("/respond", slack.respond),
            web.route("*", "/{path:.*}", slack.pass_on),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner

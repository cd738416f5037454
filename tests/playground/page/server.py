"""The page's HTTP server, on loopback: what to draw as server-sent events, what is done as forms.

Each event is a part of the page whose HTML has changed: `places`, `heading`, `messages`, `home`, `modal`, `panel`.
"""

from __future__ import annotations

import asyncio
import csv
import inspect
import io
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Self

import aiohttp
from aiohttp import web

from handlers.slack.manifest import manifest
from tests.playground.page.desk import Desk
from tests.playground.page.panel import panel
from tests.playground.page.switches import SWITCHES, Account
from tests.playground.slack import Channel, Person
from tests.playground.slack.call import ApiError
from tests.playground.slack.html_pages import STYLE, channel_heading, home_body, messages, modal_body
from tests.playground.stage import Stage

HERE = Path(__file__).parent
ASSETS = {
    "/": (HERE / "page.html", "text/html"),
    "/page.css": (HERE / "page.css", "text/css"),
    "/page.js": (HERE / "page.js", "text/javascript"),
    "/slack.css": (STYLE, "text/css"),
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
LOOK_SECONDS = 0.5  # AWS changes in other threads and processes, which tell nobody
UPLOAD_BYTES = 64 * 1024 * 1024
HOME = "home"
_NOTHING = '<li id="nothing">Nothing here yet. Type <code>/mailer</code> below.</li>'


class PlayPage:
    """An async context manager; `url` is where the page is."""

    def __init__(self, stage: Stage, port: int = 0) -> None:
        self._stage = stage
        self._slack = stage.slack
        self._port = port
        self._desk = Desk(stage.slack)
        self.account = Account(stage)
        self.people = {person.name.lower(): person for person in (stage.ada, stage.bob, stage.gus)}
        self._features = manifest()["features"]
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=UPLOAD_BYTES, middlewares=[_guarded])
        app.on_response_prepare.append(_headers)
        app.add_routes([web.get(path, self._asset) for path in ASSETS])
        app.add_routes(
            [
                web.get("/events", self._events),
                web.get("/files/{file}", self._file),
                web.get("/people.csv", _people),
                web.post("/slack/{act}", self._act),
                web.post("/aws/{switch}", self._switch),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        except OSError:  # another page has that port: any that is free will do
            await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        assert self._runner
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    # What is seen

    async def _asset(self, request: web.Request) -> web.Response:
        path, kind = ASSETS[request.path]
        text = path.read_text(encoding="utf-8")
        if kind == "text/html":
            people = "".join(
                f'<option value="{name}">{escape(p.name)} ({p.role})</option>' for name, p in self.people.items()
            )
            text = text.replace("{{people}}", people).replace("{{words}}", "".join(self._words()))
        return web.Response(text=text, content_type=kind)

    def _words(self) -> list[str]:
        """What can be typed, by the manifest."""
        words = []
        for command in self._features["slash_commands"]:
            hints = command.get("usage_hint", "").strip("[]").split("|")
            words += [f"{command['command']} {hint.strip()}".strip() for hint in ["", *hints]]
        return [f'<option value="{escape(word)}">' for word in words]

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """What `as` sees of `place`; each part again when it has changed."""
        who, place = self._who(request), request.query.get("place", "")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        shown: dict[str, str] = {}
        with suppress(ConnectionError):
            while True:
                change = self._slack.world.next_change
                for name, html in self._parts(who, place).items():
                    if shown.get(name) != html:
                        shown[name] = html
                        await response.write(f"event: {name}\ndata: {json.dumps(html)}\n\n".encode())
                with suppress(TimeoutError):
                    await asyncio.wait_for(change.wait(), LOOK_SECONDS)
        return response

    def _parts(self, who: Person, place: str) -> dict[str, str]:
        top = who.top_modal
        return {
            "places": self._places(who, place),
            **self._place(who, place),
            "modal": modal_body(top.view, self._slack.world) if top else "",
            "panel": panel(self.account),
        }

    def _channels(self, who: Person) -> list[Channel]:
        own = [c for c in self._slack.world.channels.values() if who.id in c.members and not c.deleted and not c.direct]
        return [*own, who.dm]

    def _places(self, who: Person, place: str) -> str:
        channels = self._channels(who)
        rows = [(channel.id, self._label(channel), self._count(who, channel)) for channel in channels]
        if self._features.get("app_home", {}).get("home_tab_enabled"):
            rows.append((HOME, "Home of Mailroom", 0))
        here = place if place in {id_ for id_, _, _ in rows} else channels[0].id
        return "".join(
            f'<li id="place-{id_}"><a href="?place={id_}" data-place="{id_}" data-count="{count}"'
            f"{' aria-current=page' if id_ == here else ''}>{escape(label)}</a></li>"
            for id_, label, count in rows
        )

    def _count(self, who: Person, channel: Channel) -> int:
        return len(self._slack.world.visible_messages(channel, who.id))

    @staticmethod
    def _label(channel: Channel) -> str:
        return "Messages from Mailroom" if channel.direct else channel.label

    def _place(self, who: Person, place: str) -> dict[str, str]:
        """The heading, and either the messages of a channel or the home tab."""
        if place == HOME:
            tab = who.home_tab
            body = home_body(tab.view, self._slack.world) if tab else "<p>Nothing is published yet.</p>"
            return {"heading": "<h1>Home</h1>", "messages": "", "home": body}
        channels = {channel.id: channel for channel in self._channels(who)}
        channel = channels.get(place) or next(iter(channels.values()))
        heading = f"<h1>{self._label(channel)}</h1>" if channel.direct else channel_heading(channel)
        said = messages(self._slack, channel, who, files="/files/")
        return {"heading": heading, "messages": said or _NOTHING, "home": ""}

    async def _file(self, request: web.Request) -> web.Response:
        file = self._slack.world.files.get(request.match_info["file"])
        if file is None:
            raise web.HTTPNotFound
        return web.Response(body=file.content, headers={"Content-Disposition": "attachment"})

    # What is done

    async def _act(self, request: web.Request) -> web.Response:
        act = self._desk.acts.get(request.match_info["act"])
        if act is None:
            raise web.HTTPNotFound
        form = await request.post()
        return await _answered(act(self._who(request), form))

    async def _switch(self, request: web.Request) -> web.Response:
        switch = SWITCHES.get(request.match_info["switch"])
        if switch is None:
            raise web.HTTPNotFound
        form = await request.post()

        async def flip() -> None:
            done = switch(self.account, form)
            if inspect.isawaitable(done):
                await done
            self._slack.world.changed()

        return await _answered(flip())

    def _who(self, request: web.Request) -> Person:
        return self.people.get(request.query.get("as", ""), self._stage.ada)


async def _answered(work: Awaitable[None]) -> web.Response:
    """Done, or one sentence about what the person could not do."""
    try:
        await work
    except (AssertionError, ApiError, LookupError, ValueError, aiohttp.ClientError, RuntimeError) as problem:
        return web.json_response({"error": str(problem)[:500]}, status=409)
    return web.json_response({})


async def _people(request: web.Request) -> web.Response:
    """An audience to try things with."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["email", "first_name"])
    for number in range(1, min(int(request.query.get("size", "20")), 100_000) + 1):
        rows.writerow([f"person{number}@elsewhere.test", f"Person {number}"])
    return web.Response(
        text=out.getvalue(),
        content_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="people-{number}.csv"'},
    )


@web.middleware
async def _guarded(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Other pages in the same browser have no business here."""
    own = f"http://{request.host}"
    if not request.host.startswith(("127.0.0.1:", "localhost:")) or request.headers.get("Origin", own) != own:
        raise web.HTTPForbidden
    return await handler(request)


async def _headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"

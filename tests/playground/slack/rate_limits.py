"""How often an app may call: the tiers of the Web API, by method and workspace, in any minute.

Tiers and what they allow: https://docs.slack.dev/apis/web-api/rate-limits; the tier of a method stands on its own page.
Slack allows bursts without saying how large: here there are none.
"""

from __future__ import annotations

from collections import defaultdict, deque
from math import ceil

from .world import World

A_MINUTE = 60.0
ALLOWED = {2: 20, 3: 50, 4: 100}
TIERS = {
    "bots.info": 3,
    "chat.delete": 3,
    "chat.postEphemeral": 4,
    "chat.update": 3,
    "conversations.info": 3,
    "conversations.join": 3,
    "conversations.members": 4,
    "conversations.open": 3,
    "emoji.list": 2,
    "files.completeUploadExternal": 4,
    "files.delete": 3,
    "files.getUploadURLExternal": 4,
    "files.info": 4,
    "oauth.v2.access": 4,
    "team.info": 3,
    "usergroups.list": 2,
    "users.conversations": 3,
    "users.info": 4,
    "views.open": 4,
    "views.publish": 4,
    "views.push": 4,
    "views.update": 4,
}
"""`auth.test` and `chat.getPermalink` have a tier of their own, of hundreds a minute, and are not limited here; nor is
`apps.connections.open`, of tier 1, which every Socket Mode client calls as often as it has to reconnect."""

POSTS_A_SECOND = 1.0
"""To one channel, chat.postMessage: its page, "Rate limits"."""

_ON_THE_WAY = 0.2
"""Seconds by which two posts may come closer together than they were sent."""


class RateLimits:
    """Being kind (`allowed` or `posts_a_second` raised) is what a test has to ask for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.allowed = dict(ALLOWED)
        self.posts_a_second: float = POSTS_A_SECOND
        self._calls: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._posts: dict[str, float] = {}

    def wait(self, method: str, workspace_id: str, channel_id: str) -> int | None:
        """Count a call; the seconds of `Retry-After` where it is one too many."""
        now = self._world.clock().timestamp()
        if method == "chat.postMessage":
            return self._post(channel_id, now)
        if method not in TIERS:
            return None
        calls = self._calls[method, workspace_id]
        while calls and calls[0] <= now - A_MINUTE:
            calls.popleft()
        if len(calls) >= self.allowed[TIERS[method]]:
            return ceil(calls[0] + A_MINUTE - now)
        calls.append(now)
        return None

    def _post(self, channel_id: str, now: float) -> int | None:
        since = now - self._posts.get(channel_id, float("-inf"))
        if since < 1 / self.posts_a_second - _ON_THE_WAY:
            return ceil(1 / self.posts_a_second - since)
        self._posts[channel_id] = now
        return None

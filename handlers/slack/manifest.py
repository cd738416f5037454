"""The Slack app's manifest, `manifest.yml` (https://docs.slack.dev/reference/app-manifest)."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

OPTIONAL_SCOPES: Final = {
    "canvases:read": "a Slack canvas as the message",
    "canvases:write": "New canvas",
    "emoji:read": "a workspace's own emoji as images",
    "usergroups:read": "names of user groups",
    "users:read.email": "the person's own address in Mail me one",
}
"""Without one of them the app works, but for this."""

_FILE = Path(__file__).parents[2] / "manifest.yml"


def manifest() -> dict[str, Any]:
    """Read it."""
    import yaml  # noqa: PLC0415 - not needed for a start

    return dict(yaml.safe_load(_FILE.read_text()))


def manifest_at(url: str, *, socket_mode: bool) -> dict[str, Any]:
    """Return it for a Mailroom at this https address: where an install comes back, and where Slack sends to.

    Args:
        url: PUBLIC_URL.
        socket_mode: Slack sends nothing there, but an install comes back all the same.
    """
    made = manifest()
    made["oauth_config"]["redirect_urls"] = [urljoin(url, "/slack/oauth_redirect")]
    if not socket_mode:
        events = urljoin(url, "/slack/events")
        for command in made["features"]["slash_commands"]:
            command["url"] = events
        made["settings"]["interactivity"]["request_url"] = events
        made["settings"]["event_subscriptions"]["request_url"] = events
        made["settings"]["socket_mode_enabled"] = False
    return made


def bot_scopes() -> list[str]:
    """Return the scopes that the app asks for."""
    return list(manifest()["oauth_config"]["scopes"]["bot"])

"""The Slack app's manifest, `manifest.yml` (https://docs.slack.dev/reference/app-manifest)."""

from pathlib import Path
from typing import Any, Final

import yaml

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
    return dict(yaml.safe_load(_FILE.read_text()))


def bot_scopes() -> list[str]:
    """Return the scopes that the app asks for."""
    return list(manifest()["oauth_config"]["scopes"]["bot"])

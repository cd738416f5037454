"""Slack's error codes that say where Mailroom can no longer speak.

https://docs.slack.dev/reference/methods/chat.postMessage#errors; `app_uninstalled` is an event's name.
"""

from typing import Final

CHANNEL_GONE: Final = frozenset({"channel_not_found", "not_in_channel", "is_archived"})
WORKSPACE_GONE: Final = frozenset({"account_inactive", "token_revoked", "invalid_auth", "app_uninstalled"})
"""The app was removed, or its token: for all teams of the workspace."""

"""What it means when Slack did not do what it was asked: the one place that reads it.

An error of Slack's is JSON with a code (https://docs.slack.dev/apis/web-api#responses). In front of it stand machines
that answer in words of their own, with a status of 5xx, as text, as HTML or as nothing that can be read.
"""

from typing import Final

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError

from bot import unknown_answers
from bot.teams.slack_codes import CHANNEL_GONE, WORKSPACE_GONE

FAILURES: Final = (SlackApiError, ClientError, TimeoutError, OSError)
"""Whatever a call of Slack's client raises."""

RATE_LIMITED: Final = "ratelimited"
_PASSING: Final = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
)
_CONTENT: Final = frozenset({"invalid_blocks", "msg_blocks_too_long", "msg_too_long", "no_text", "invalid_arguments"})
_GONE: Final = frozenset(
    {"message_not_found", "thread_not_found", "not_found", "view_not_found", "file_not_found", "file_deleted"}
)
_VIEWS: Final = frozenset({"hash_conflict", "expired_trigger_id", "exchanged_trigger_id"})
_PEOPLE: Final = frozenset({"user_not_found", "user_disabled", "messages_tab_disabled"})
_ACCESS: Final = frozenset(
    {"missing_scope", "not_authed", "not_allowed_token_type", "method_not_supported_for_channel_type"}
)
_CANVASES: Final = frozenset(
    {
        "canvas_not_found",
        "channel_canvas_already_exists",
        "free_team_canvas_tab_already_exists",
        "free_teams_cannot_create_non_tabbed_canvases",
        "free_teams_cannot_create_standalone_canvases",
        "team_tier_cannot_create_channel_canvases",
    }
)
_KNOWN: Final = (
    _PASSING
    | _CANVASES
    | _CONTENT
    | _GONE
    | _VIEWS
    | _PEOPLE
    | _ACCESS
    | CHANNEL_GONE
    | WORKSPACE_GONE
    | {RATE_LIMITED}
)


def code_of(error: Exception) -> str:
    """Return Slack's code; `http_503` where the answer is none of Slack's, the error's name where there was no answer.

    A code that is on no list here is logged once and counted.
    """
    if not isinstance(error, SlackApiError):
        return type(error).__name__
    answer = getattr(error.response, "data", None)
    if not isinstance(answer, dict) or not answer.get("error"):
        return f"http_{_status(error)}"
    code = str(answer["error"])
    if code not in _KNOWN:
        unknown_answers.answers.met("slack", str(getattr(error.response, "api_url", "")).rpartition("/")[2], code)
    return code


def passes(code: str) -> bool:
    """Tell whether the same call may well be taken in a while: Slack is busy or has trouble of its own."""
    return code == RATE_LIMITED or code in _PASSING or code.startswith("http_")


def retry_after(error: SlackApiError) -> float:
    """Read the seconds of `Retry-After` (https://docs.slack.dev/apis/web-api/rate-limits); 30 where it is no number."""
    value = error.response.headers.get("Retry-After", "")
    return float(value) if str(value).isdecimal() else 30.0


def _status(error: SlackApiError) -> int:
    """The SDK hands over a response of its own, or aiohttp's where the body could not be read."""
    return int(getattr(error.response, "status_code", 0) or getattr(error.response, "status", 0))

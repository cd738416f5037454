"""What people see in the browser when an install has come back from Slack."""

from html import escape
from typing import Final

from slack_sdk.oauth.installation_store import Installation

from bot.errors import BotError
from handlers.html_page import html_page

_AGAIN: Final = '<p><a href="/slack/install">Start again</a></p>'


def _page(title: str, *paragraphs: str, more: str = "") -> str:
    said = "".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    return html_page(title, f"<main><h1>{escape(title)}</h1>{said}{more}</main>")


NO_ANSWER: Final = _page(
    "Slack did not answer", "Nothing was installed here. Please start again in a few minutes.", more=_AGAIN
)


def installed(installation: Installation) -> str:
    """Say that it is installed, and what comes next: for a whole organization, adding the app to workspaces."""
    if not installation.is_enterprise_install:
        there = f"https://slack.com/app_redirect?app={installation.app_id}&team={installation.team_id}"
        return _page(
            f"Mailroom is installed in {installation.team_name}",
            "Open the channel that your team works in, and type /mailer there.",
            more=_link(there, "Open Slack"),
        )
    # https://docs.slack.dev/enterprise/organization-ready-apps: it is in no workspace until an admin adds it to some
    add = (
        f"https://app.slack.com/manage/{installation.enterprise_id}/integrations/profile/{installation.app_id}"
        "/workspaces/add"
    )
    return _page(
        f"Mailroom is installed in the organization {installation.enterprise_name}",
        "It works in the workspaces that an org admin adds it to. Where that is done, open the channel that a team "
        "works in, and type /mailer there.",
        more=_link(add, "Add it to workspaces"),
    )


def refused(why: BotError) -> str:
    """Say that this workspace is not on the operator's list."""
    return _page("Mailroom was not installed", why.text, str(why.code), more=_AGAIN)


def failed(reason: str) -> str:
    """Say why nothing was installed.

    Args:
        reason: Slack's own (https://docs.slack.dev/authentication/installing-with-oauth), or Bolt's.
    """
    if reason == "access_denied":
        return _page("Nothing was installed", "Somebody said no in Slack.", more=_AGAIN)
    if reason in {"invalid_browser", "invalid_state"}:
        return _page(
            "Nothing was installed",
            "This install was begun in another browser, or more than ten minutes ago, or it has been finished already.",
            more=_AGAIN,
        )
    return _page("Nothing was installed", "Slack did not confirm that the app was allowed.", more=_AGAIN)


def _link(address: str, text: str) -> str:
    return f'<p><a href="{escape(address)}">{escape(text)}</a></p>'

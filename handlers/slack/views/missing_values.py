"""*Show them*: where the list went."""

from slack_sdk.models.views import View

from handlers.slack.views.blocks import page, section


def list_sent_page(*, sent: bool) -> View:
    says = (
        ":inbox_tray: You have them as a CSV, in a direct message."
        if sent
        else ":warning: Slack did not take the file: try again in a minute."
    )
    return page("Show them", [section(says)])

"""Why Slack, or what was done there, stands in the way."""

from bot.errors import Code


class SlackCode(Code):
    NOT_ALLOWED = "NOT_ALLOWED"
    NOT_IN_CHANNEL = (
        "NOT_IN_CHANNEL",
        "Mailroom is not in this channel, and cannot join a private one by itself.",
        "Type /invite @Mailroom here, then try again.",
    )
    DIRECT_MESSAGE = (
        "DIRECT_MESSAGE",
        "Mailroom works in channels: one channel is one team, and everybody in it sees the alerts.",
        "Go to the channel your team uses and type /mailer there.",
    )
    MISMATCH = (
        "MISMATCH",
        "Slack named two different channels for this click, so nothing was done.",
    )
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    FILE_UNREADABLE = "FILE_UNREADABLE"
    AUDIENCE_GONE = (
        "AUDIENCE_GONE",
        "This audience is no longer there: choose the file again.",
    )
    FORM_GONE = (
        "FORM_GONE",
        "The form of the broadcast was opened too long ago.",
        "Close this, and press Only those where again.",
    )
    TWO_AUDIENCES = (
        "TWO_AUDIENCES",
        "Choose a CSV or a saved audience, not both.",
    )
    STILL_READING = (
        "STILL_READING",
        "The file is still being read as you chose: look at the numbers first, then press again.",
    )
    NOT_TICKED = (
        "NOT_TICKED",
        "Tick this if it is to go out all the same.",
    )
    CANVAS_NOT_SHARED = "CANVAS_NOT_SHARED"
    CANVAS_EMPTY = (
        "CANVAS_EMPTY",
        "There is nothing in this canvas that a mail can have: write in it, then press Next again.",
    )
    CANVAS_PLAN = (
        "CANVAS_PLAN",
        "This workspace's plan has one canvas for each channel, and this channel has its one.",
        "Write in that one, and paste its link.",
    )
    SLACK_SCOPE_MISSING = "SLACK_SCOPE_MISSING"
    CHANNEL_NAME = "CHANNEL_NAME"
    TOO_MANY_MENTIONS = "TOO_MANY_MENTIONS"
    MENTION_UNNAMED = "MENTION_UNNAMED"
    OPS_CHANNEL = "OPS_CHANNEL"
    OPS_CHANNEL_SHARED = (
        "OPS_CHANNEL_SHARED",
        "The operator's channel is shared with another company, so nothing is said there.",
        "Name one that is not in MAILROOM_OPS_CHANNEL.",
    )
    UNFIT = (
        "UNFIT",
        "Guests, apps and people of other workspaces cannot be chosen here.",
    )
    NOT_OF_CHANNEL = (
        "NOT_OF_CHANNEL",
        "Approvers must be people of this channel: invite them first.",
    )
    NO_AUDIENCE_FILE = (
        "NO_AUDIENCE_FILE",
        "This message has no file that can be an audience.",
        "Post a CSV (.gz too), an Excel sheet (.xlsx) or an OpenDocument one (.ods), and use its menu.",
    )
    WORKSPACE_REFUSED = "WORKSPACE_REFUSED"
    NO_INSTALLATION = "NO_INSTALLATION"
    SCOPES = "SCOPES"
    TOKEN = "TOKEN"  # noqa: S105 - a code
    APP_TOKEN = "APP_TOKEN"  # noqa: S105 - a code
    CLOCK = "CLOCK"

"""Why a broadcast is not sent, changed or sent again."""

from bot.errors import Code


class BroadcastCode(Code):
    SANDBOX_RECIPIENTS = "SANDBOX_RECIPIENTS"
    AUDIENCE_NO_RECIPIENTS = (
        "AUDIENCE_NO_RECIPIENTS",
        "Every address in it is suppressed: they unsubscribed, complained or bounced before.",
    )
    AUDIENCE_MISSING = (
        "AUDIENCE_EMPTY",
        "This draft has no audience yet.",
        "Edit it, and choose a CSV with a column of addresses, or a saved audience.",
    )
    NOT_FOUND = "NOT_FOUND", "This broadcast is no longer there."
    STATE_CHANGED = "ALREADY"
    ADMINS_ONLY = (
        "ADMINS_ONLY",
        "Bounces or complaints stopped this broadcast: only a team admin can resume it.",
    )
    APPROVAL_REQUIRED = (
        "APPROVAL_REQUIRED",
        "A broadcast to so many needs the approval of somebody else in this channel.",
        "Ask for it: `/broadcast drafts` has your drafts, and by API it is the mode “ask”.",
    )
    POLICY = "POLICY"
    APP_REMOVED = (
        "APP_REMOVED",
        "Mailroom was removed from this workspace, so nothing is sent for its channels.",
        "An admin of the workspace can install it again.",
    )
    NOT_APPROVER = "NOT_APPROVER"
    OWN_BROADCAST = (
        "OWN_BROADCAST",
        "You wrote this, changed it last or asked for its approval, so somebody else must approve it.",
    )
    WAITING = "WAITING"
    RESTORED = (
        "RESTORED",
        "Mailroom was restored from a copy of its database, and nobody knows what went out since.",
        "Somebody who may send presses Go on in the channel first.",
    )
    LINK_EXPIRED = (
        "LINK_EXPIRED",
        "This link was good for an hour.",
        "Press See it again.",
    )
    NO_SUCH_LINE = (
        "NO_SUCH_LINE",
        "No recipient stands in this line of the file.",
    )
    NO_SUCH_RECIPIENT = (
        "NO_SUCH_RECIPIENT",
        "Choose a recipient, or type the line of the file.",
    )
    SEND_AT_PAST = (
        "SEND_AT_PAST",
        "This time is past: choose a later one, or none to send now.",
    )
    SEND_AT_FAR = (
        "SEND_AT_FAR",
        "This is more than a year away: choose a nearer time.",
    )
    TOO_MANY_BROADCASTS = "TOO_MANY_BROADCASTS"
    RECIPIENTS_GONE = (
        "RECIPIENTS_GONE",
        "This channel keeps recipients for a time, which is over for these: nothing of it can be sent again.",
        "*Use again* makes a new one of it; “Keep recipients for” is in `/mailer settings`.",
    )
    ALL_SUPPRESSED = (
        "ALL_SUPPRESSED",
        "All of them are suppressed by now, so there is nobody to send to.",
    )
    MAILER_GONE = (
        "MAILER_GONE",
        "The mailer that sent this broadcast was deleted, so nothing of it can be sent again.",
        "Send a new one; “Get the list” names who did not get this one.",
    )

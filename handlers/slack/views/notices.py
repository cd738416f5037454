"""Messages that Mailroom posts by itself: what happened, what it means, and the button for the next step."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block

from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import esc, mention
from handlers.slack.views.blocks import Message, button, buttons, context, section
from handlers.slack.views.broadcast_message import resume_button
from handlers.slack.views.mailer.connect import account_label, region_label
from handlers.slack.views.mailer.status_card import quota
from storage import Broadcast, Identity, Mailer, Production, Team

WAITING_SHOWN = 5
_IN_SANDBOX = (
    "The account is in the sandbox: tests can go to verified addresses and to the SES simulator. "
    "To mail anybody else, apply for production access."
)


def connected_message(mailer: Mailer) -> Message:
    gate = "Production" if mailer.production is Production.GRANTED else "Sandbox"
    ref = ids.Ref(mailer.team_id, mailer.id)
    return Message(
        f"Connected to AWS account {mailer.account_id} in {mailer.region}",
        [
            section(
                f":white_check_mark: *Connected to AWS account {account_label(mailer)}*\n"
                f"{esc(region_label(mailer.region))} · {gate}"
            ),
            section(f"*Daily quota*\n{quota(mailer)}"),
            context(f"Connected by {mention(mailer.connected_by)}. Next: add the address or domain you send from."),
            buttons(button(ids.Button.ADD_IDENTITY, "Add identity", ref, style="primary")),
        ],
    )


def reconnected_message(mailer: Mailer, waiting: Sequence[Broadcast]) -> Message:
    """`waiting` are broadcasts that were held for want of access, which a person lets go on."""
    text = f"Reconnected to AWS account {mailer.account_id}"
    left = len(waiting) - WAITING_SHOWN
    more = count(left, "more broadcast waits", "more broadcasts wait") if left > 0 else ""
    return Message(
        text,
        [
            section(
                f":white_check_mark: *Reconnected to AWS account {account_label(mailer)}*\n"
                "New credentials are in place. Identities, broadcasts and suppressions are as they were."
            ),
            context(f"Reconnected by {mention(mailer.connected_by)}."),
            *(block for broadcast in waiting[:WAITING_SHOWN] for block in _waits(broadcast)),
            *([section(f"{more} as well: see /broadcast list.")] if more else []),
        ],
    )


def _waits(broadcast: Broadcast) -> Sequence[Block]:
    return (
        section(
            f"“{esc(broadcast.subject, 200)}” to {count(broadcast.size, 'recipient')} waits until somebody resumes it."
        ),
        buttons(resume_button(broadcast)),
    )


def identity_verified_message(row: Identity, mailer: Mailer) -> Message:
    ref = ids.Ref(mailer.team_id, mailer.id)
    if mailer.production is Production.GRANTED:
        meaning = "You can now send tests and broadcasts from it."
        step = button(ids.Button.NEW_BROADCAST, "New broadcast", ref, style="primary")
    elif mailer.production is Production.SANDBOX:
        meaning = f"You can now send tests from it. {_IN_SANDBOX}"
        step = button(ids.Button.APPLY, "Apply for production access", ref, style="primary")
    else:
        meaning = f"You can now send tests from it. {_IN_SANDBOX.split(': ', maxsplit=1)[0]}: broadcasts wait for AWS."
        step = button(ids.Button.SEND_TEST, "Send a test", ref, style="primary")
    test = button(ids.Button.SEND_TEST, "Send a test", ref)
    elements = [step] if step.action_id == test.action_id else [step, test]
    return Message(
        f"{row.name} is verified",
        [section(f":white_check_mark: *{esc(row.name)} is verified.* {meaning}"), buttons(*elements)],
    )


def account_shared_message(mailer: Mailer, team: Team, others: Sequence[Team]) -> Message:
    """Who else uses the account; of a channel that some who read this may not know, no more than that there is one."""
    where = f"AWS account {account_label(mailer)} in {mailer.region}"
    if not others:
        alone = f"{where} is no longer used by another channel"
        return Message(alone, [section(f":bust_in_silhouette: {alone}.")])
    users = list(dict.fromkeys(_user(other, team) for other in others))
    return Message(
        f"{where} is used elsewhere, too",
        [
            section(
                f":busts_in_silhouette: *{where} is used elsewhere, too: by {' and '.join(users)}.* Its quota, its "
                "rate and its reputation are shared: when AWS stops it for one, it stops for all. Unsubscribes, "
                "complaints and broadcasts are each channel's own."
            ),
            context("If you did not expect that, ask the owner of the AWS account who else was given access."),
        ],
    )


def _user(other: Team, team: Team) -> str:
    if other.slack_team_id != team.slack_team_id:
        return "a channel of another Slack workspace"
    return "another channel" if other.private or team.shared else f"<#{other.channel_id}>"


def production_requested_message() -> Message:
    return Message(
        "Applied for production access",
        [
            section(
                ":hourglass_flowing_sand: *Applied for production access.* AWS usually answers within a day; "
                "this channel will be told. Until then tests go to verified addresses and to the SES simulator."
            )
        ],
    )


def production_granted_message(mailer: Mailer) -> Message:
    ref = ids.Ref(mailer.team_id, mailer.id)
    return Message(
        "AWS granted production access: broadcasts are open",
        [
            section(
                ":tada: *AWS granted production access: broadcasts are open.* Mail may go to anybody, "
                f"{count(mailer.max_24_hour_send, 'recipient')} a day at up to "
                f"{count(mailer.max_send_rate, 'recipient')} a second."
                if mailer.max_24_hour_send >= 0
                else ":tada: *AWS granted production access: broadcasts are open.* Mail may go to anybody."
            ),
            buttons(
                button(ids.Button.NEW_BROADCAST, "New broadcast", ref, style="primary"),
                button(ids.Button.SEND_TEST, "Send a test", ref),
            ),
        ],
    )


def mailer_deleted_message() -> Message:
    return Message(
        "The mailer of this channel was deleted",
        [
            section(
                ":wastebasket: *The mailer of this channel was deleted.* Nothing is sent from here until it is "
                "connected again with `/mailer connect`. Unsubscribes and complaints were kept."
            )
        ],
    )


def channel_shared_message() -> Message:
    return Message(
        "This channel is now shared with another workspace",
        [
            section(
                ":warning: *This channel is now shared with another workspace.* Its people can read what Mailroom "
                "says here: account numbers, addresses, alerts. They cannot use Mailroom. Where that is too much, "
                "stop sharing the channel."
            )
        ],
    )

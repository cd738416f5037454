"""The modal *Webhook*: where it leads and what it is told, its secret once, a trial, and the last attempts."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from slack_sdk.models.blocks import Block, ButtonElement
from slack_sdk.models.views import View

from bot.webhooks.events import Topic
from bot.webhooks.receiver import ADDRESS_LIMIT, Answer
from handlers.slack import ids
from handlers.slack.text import code, esc, when
from handlers.slack.views.blocks import boxes, button, buttons, confirm, context, field, form, page, section
from storage import Secret, Webhook

TITLE: Final = "Webhook"
_TOPICS: Final = {
    Topic.BROADCASTS: "Broadcasts",
    Topic.BOUNCES: "Bounces",
    Topic.COMPLAINTS: "Complaints",
    Topic.SUPPRESSIONS: "Suppressions",
    Topic.MAILER: "Mailer",
}
_ABOUT: Final = {
    Topic.BROADCASTS: "each state that one comes into",
    Topic.BOUNCES: "recipients whose mail came back",
    Topic.COMPLAINTS: "recipients who called it spam",
    Topic.SUPPRESSIONS: "addresses that are no longer mailed, or may be again",
    Topic.MAILER: "access lost and restored, identities that failed",
}


def webhook_form(
    ref: ids.Ref, webhook: Webhook | None, address: str, topics: Collection[str], *, notice: str = ""
) -> View:
    """`address` and `topics` as they were typed, or as they are."""
    blocks: list[Block] = [
        field(
            ids.Input.WEBHOOK_ADDRESS,
            "Webhook address",
            initial=address,
            hint="https; it must be reachable from the internet.",
            placeholder="https://example.com/mailroom",
            max_length=ADDRESS_LIMIT,
        ),
        boxes(ids.Input.EVENTS, "Events", _TOPICS, topics, about=_ABOUT),
    ]
    if webhook is None:
        blocks.append(
            context("Each post is signed by Standard Webhooks. Its secret is shown once, when this is saved.")
        )
    else:
        blocks += [section(f"It is *{_standing(webhook)}*."), buttons(*_buttons(ref))]
    return form(ids.Form.WEBHOOK, TITLE, blocks, submit="Save", ref=ref, notice=notice)


def standing_line(webhook: Webhook | None) -> str:
    """How the webhook stands, for the line in *Settings*."""
    return f"Webhook: {_standing(webhook) if webhook else 'none'}."


def saved_page(secret: Secret | None) -> View:
    """`secret` where it is new."""
    done = section(":white_check_mark: Saved. *Send a test* says whether its receiver takes what it is told.")
    return page(TITLE, [done, *(_shown_once(secret) if secret else ())])


def new_secret_page(secret: Secret) -> View:
    also = context("For the next 24 hours the secret before signs each post, too: that is your time to change it.")
    return page("New secret", [*_shown_once(secret), also])


def tried_page(answer: Answer) -> View:
    """What *Send a test* answers."""
    mark = ":white_check_mark: Taken" if answer.taken else ":warning: Not taken"
    return page("Send a test", [section(f"{mark}: {code(answer.text)}")])


def attempts_page(webhook: Webhook) -> View:
    """The last attempts, the newest first."""
    lines = [section(_attempt(each)) for each in webhook.attempts]
    return page("Attempts", lines or [section("Nothing was posted yet.")])


def switched_off_page() -> View:
    return page(TITLE, [section(":white_check_mark: The webhook is switched off and forgotten.")])


def retried_page() -> View:
    """What *Retry* under the alert answers."""
    return page(TITLE, [section(":arrows_counterclockwise: What waits is posted now. The alert says how that goes.")])


def _buttons(ref: ids.Ref) -> list[ButtonElement]:
    return [
        button(ids.Button.TRY_WEBHOOK, "Send a test", ref),
        button(ids.Button.WEBHOOK_ATTEMPTS, "Attempts", ref),
        button(
            ids.Button.NEW_SECRET,
            "New secret",
            ref,
            confirm=confirm("Make a new secret?", "The one you have signs for 24 hours more.", "New secret"),
        ),
        off_button(ids.Button.WEBHOOK_OFF, ref),
    ]


def off_button(which: ids.Button, ref: ids.Ref) -> ButtonElement:
    """*Switch off*, in the modal or under the alert."""
    sure = confirm(
        "Switch the webhook off?", "Its address, its secret and what waits for it are forgotten.", "Switch off"
    )
    return button(which, "Switch off", ref, style="danger", confirm=sure)


def _standing(webhook: Webhook) -> str:
    """One of our own words, and a name that a browser would show."""
    return "off, since its receiver is gone" if webhook.gone_at else "on"


def _shown_once(secret: Secret) -> list[Block]:
    return [
        section(f":key: *Copy its secret now. It is not shown again.*\n```{secret.reveal()}```"),
        context("With it your program sees that a post is Mailroom's: https://www.standardwebhooks.com has libraries."),
    ]


def _attempt(attempt: Mapping[str, Any]) -> str:
    mark = ":white_check_mark:" if attempt["taken"] else ":warning:"
    again = f" · again {when(datetime.fromisoformat(attempt['again']))}" if attempt["again"] else ""
    at = when(datetime.fromisoformat(attempt["at"]))
    return f"{mark} {at} · {code(attempt['type'])} · {esc(attempt['answer'])}{again}"

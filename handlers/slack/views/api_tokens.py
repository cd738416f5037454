"""The tokens of a team, the form for a new one, and what admins are told of one."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from slack_sdk.models.blocks import Block, ButtonElement, DatePickerElement
from slack_sdk.models.views import View

from bot.api.tokens import NAME_LIMIT, TokenInput
from bot.broadcast.audience.saved import NAME_LIMIT as AUDIENCE_NAME_LIMIT
from bot.broadcast.audience.token_notices import AudienceDay
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import clean, code, esc, mention, when
from handlers.slack.views.blocks import (
    Message,
    boxes,
    button,
    buttons,
    confirm,
    context,
    field,
    form,
    labelled,
    page,
    section,
    text_message,
)
from storage import ApiToken, Secret, Team, TokenScope

TITLE = "API tokens"
NEW_TITLE = "New API token"
NOTHING_TYPED: Final = TokenInput("", [TokenScope.READ])
_OPENS = {
    TokenScope.READ: "See how it stands, broadcasts, recipients, audiences, suppressions",
    TokenScope.DRAFT: "Write drafts, and ask the channel to approve them",
    TokenScope.SEND: "Send broadcasts; pause, resume, take back and cancel them",
    TokenScope.AUDIENCES: "See and change saved audiences",
    TokenScope.SUPPRESSIONS: "See suppressed addresses, add some, and lift some",
    TokenScope.PEOPLE: "Look up what is known of a person, and erase it",
}


def tokens_page(team: Team, tokens: Sequence[ApiToken], made: Secret | None, *, public_url: str) -> View:
    """List the tokens, the newest first; `made` in full above them."""
    newest = tokens[0].id if tokens else ""
    where = f"at {code(public_url + '/api/v1/')}, described at {code(public_url + '/api/docs')}"
    here = "under `/api/v1/` where Mailroom runs, described at `/api/docs`"
    return page(
        TITLE,
        [
            section(
                "With a token a program of yours does in this channel what the token's scopes allow. "
                f"The API answers {where if public_url else here}."
            ),
            *_made(made),
            *[_token(token) for token in tokens],
            buttons(button(ids.Button.CREATE_TOKEN, "Create token", ids.Ref(team.id, newest))),
        ],
    )


def token_form(ref: ids.Ref, typed: TokenInput, *, notice: str = "") -> View:
    ends = typed.last_day.isoformat() if typed.last_day else None
    return form(
        ids.Form.CREATE_TOKEN,
        NEW_TITLE,
        [
            field(
                ids.Input.NAME,
                "Name",
                initial=typed.name,
                hint="The channel sees it with whatever the token does.",
                placeholder="Deploy script",
                max_length=NAME_LIMIT,
            ),
            boxes(ids.Input.SCOPES, "Scopes", {scope: scope for scope in _OPENS}, typed.scopes, about=_OPENS),
            labelled(
                ids.Input.ENDS,
                "Ends",
                DatePickerElement(action_id=ids.Input.ENDS, initial_date=ends),
                hint="The last day on which it works, in UTC. The channel hears of it a week before. Empty: never.",
                optional=True,
            ),
        ],
        submit="Create",
        ref=ref,
        notice=notice,
    )


def token_ends_message(token: ApiToken) -> Message:
    what = f"The API token “{esc(token.name)}”"
    if token.revoked_at or not token.ends_at:
        return _revoked(token)
    return text_message(
        f":hourglass: *{what} ends {when(token.ends_at)}.* Programs that use it are refused from then on. "
        "A team admin can make another one with `/mailer api`.",
        f"{what} ends soon",
    )


def suppressions_message(token: ApiToken, day: date, added: int, lifted: int) -> Message:
    """Say what a program did to the suppression list on a day, as numbers: addresses are no business of a channel."""
    what = f"API token “{esc(token.name)}” on {day:%d %B %Y}: {count(added, 'address', 'addresses')} suppressed"
    return text_message(f":no_entry_sign: {what}{f', {lifted:,} lifted' if lifted else ''}.", what)


def audience_message(token: ApiToken, day: date, told: AudienceDay) -> Message:
    """Say what a program did to a saved audience on a day."""
    what = f"API token “{esc(token.name)}” on {day:%d %B %Y}: audience “{esc(told.name, AUDIENCE_NAME_LIMIT)}”"
    if told.size is None:
        return text_message(f":busts_in_silhouette: {what} removed.", what)
    size = count(told.size, "address", "addresses")
    changes = f"+{told.added:,} new, {told.changed:,} changed, {told.removed:,} gone"
    return text_message(f":busts_in_silhouette: {what}: {changes}; {size} now.", what)


def maker_gone_message(token: ApiToken, team: Team) -> Message:
    """Ask the admins whether a token is to go on working without who made it."""
    if token.revoked_at:
        return _revoked(token)
    what = f"The API token “{esc(token.name)}” of #{esc(team.name)} was made by somebody who is no admin any more"
    used = f"It was last used {when(token.used_at)}" if token.used_at else "It was never used"
    return Message(
        what,
        [
            section(
                f":key: *{what}*: {mention(token.created_by)} left, or is no team admin now. {used}, and it goes on "
                "working until somebody revokes it."
            ),
            buttons(_revoke_button(token, "Revoke")),
        ],
    )


def _revoked(token: ApiToken) -> Message:
    return text_message(f":key: The API token “{esc(token.name)}” was revoked.")


def _made(token: Secret | None) -> list[Block]:
    if token is None:
        return []
    return [
        section(f":key: *Copy your new token now. It is not shown again.*\n```{token.reveal()}```"),
        context("Anyone who has it can do the same. Revoke it here when it is lost or no longer needed."),
    ]


def _token(token: ApiToken) -> Block:
    used = f"last used {when(token.used_at)}" if token.used_at else "never used"
    ends = f" · ends {when(token.ends_at)}" if token.ends_at else ""
    known_by = f" {code(token.prefix)}" if token.prefix != token.name else ""
    return section(
        f"*{esc(token.name)}*{known_by}\n{', '.join(map(code, token.scopes))}\n"
        f"made by {mention(token.created_by)} {when(token.created_at)} · {used}{ends}",
        accessory=_revoke_button(token, f"Revoke {clean(token.name)}"),
    )


def _revoke_button(token: ApiToken, label: str) -> ButtonElement:
    return button(
        ids.Button.REVOKE_TOKEN,
        label,
        ids.Ref(token.team_id, token.id),
        style="danger",
        confirm=confirm("Revoke this token?", "Programs that use it are refused from then on.", "Revoke"),
    )

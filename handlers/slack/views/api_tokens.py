"""The tokens of a team, and the one that was just made."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from handlers.slack import ids
from handlers.slack.text import code, mention, when
from handlers.slack.views.blocks import button, buttons, confirm, context, page, section
from storage.models import ApiToken, Team
from storage.sealing import Secret

TITLE = "API tokens"


def tokens_page(team: Team, tokens: Sequence[ApiToken], made: Secret | None, *, public_url: str) -> View:
    """List the tokens, the newest first; `made` in full above them."""
    newest = tokens[0].id if tokens else ""
    where = f"at {code(public_url + '/api/v1/')}, described at {code(public_url + '/api/docs')}"
    here = "under `/api/v1/` where Mailroom runs, described at `/api/docs`"
    return page(
        TITLE,
        [
            section(
                "With a token a program of yours can read how this channel stands, send broadcasts, pause, resume and "
                "cancel them, and suppress addresses. "
                f"The API answers {where if public_url else here}."
            ),
            *_made(made),
            *[_token(team, token) for token in tokens],
            buttons(button(ids.Button.CREATE_TOKEN, "Create token", ids.Ref(team.id, newest))),
        ],
    )


def _made(token: Secret | None) -> list[Block]:
    if token is None:
        return []
    return [
        section(f":key: *Copy your new token now. It is not shown again.*\n```{token.reveal()}```"),
        context("Anyone who has it can do the same. Revoke it here when it is lost or no longer needed."),
    ]


def _token(team: Team, token: ApiToken) -> Block:
    used = f"last used {when(token.used_at)}" if token.used_at else "never used"
    return section(
        f"*{code(token.name)}*\nmade by {mention(token.created_by)} {when(token.created_at)} · {used}",
        accessory=button(
            ids.Button.REVOKE_TOKEN,
            f"Revoke {token.name}",
            ids.Ref(team.id, token.id),
            style="danger",
            confirm=confirm("Revoke this token?", "Programs that use it are refused from then on.", "Revoke"),
        ),
    )

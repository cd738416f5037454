"""Tokens of unsubscribe links, one at a time."""

from collections.abc import Sequence

from bot.signed_tokens import Key
from bot.suppression.unsubscribe_links import LinkSubject, TokenMaker


def link_token(keys: Sequence[Key], recipient: LinkSubject) -> str:
    return TokenMaker(keys, recipient.team_id, recipient.broadcast_id).make(recipient.seq)

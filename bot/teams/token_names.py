"""Who a program is to people: the name that its token was given."""

from collections.abc import Iterable

from sqlmodel import col, select

from storage import ApiToken, Session
from storage.audit import API_TOKEN


async def token_names(session: Session, actors: Iterable[str]) -> dict[str, str]:
    """Return the names of those of these actors that are tokens, revoked ones too."""
    ids = {actor.removeprefix(API_TOKEN) for actor in actors if actor.startswith(API_TOKEN)}
    if not ids:
        return {}
    named = select(ApiToken.id, ApiToken.name).where(col(ApiToken.id).in_(ids))
    return {f"{API_TOKEN}{token_id}": name for token_id, name in await session.exec(named)}

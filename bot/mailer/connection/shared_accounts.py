"""Teams that use the same AWS account in the same region: they share its quota and its name, so each is told."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select

from bot.alerts.outbox import Notice, announce, redraw
from storage import Mailer, SendingAccount, Session, Team, new_id


async def share_account(session: Session, mailer: Mailer, now: datetime) -> None:
    """Have the mailer use its account's one sender row, and tell every team that uses the account of the others.

    The sender's row is locked until the commit: of two who connect at the same moment the second sees the first.
    """
    sender = session.insert_into(SendingAccount).values(
        id=new_id(), account_id=mailer.account_id, region=mailer.region, owner="", fence=0, share=1
    )
    await session.exec(
        sender.on_conflict_do_update(index_elements=["account_id", "region"], set_={"region": sender.excluded.region})
    )
    others = await _others(session, mailer)
    for each in (*others, mailer) if others else ():
        await announce(session, each.team_id, Notice.ACCOUNT_SHARED, each.id, now=now, episode=mailer.id)


async def leave_account(session: Session, mailer: Mailer) -> None:
    """Redraw what was said about sharing, because the mailer goes."""
    await redraw(session, [each.id for each in await _others(session, mailer)], [Notice.ACCOUNT_SHARED], session.now)


async def sharing(session: Session, mailer: Mailer) -> Sequence[Team]:
    """Return the other teams that use the account in this region."""
    ids = [each.team_id for each in await _others(session, mailer)]
    return (await session.exec(select(Team).where(col(Team.id).in_(ids)).order_by(Team.name))).all()


async def _others(session: Session, mailer: Mailer) -> Sequence[Mailer]:
    same = select(Mailer).where(Mailer.account_id == mailer.account_id, Mailer.region == mailer.region)
    return (await session.exec(same.where(Mailer.id != mailer.id).order_by(Mailer.id))).all()

"""The numbers of a broadcast before it goes out: whom it reaches, how it reads, what it costs, what to know of it."""

from collections.abc import Sequence
from typing import Final

from bot.broadcast.approval import rules as approval
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.selection.selection import Selected, Selection
from bot.broadcast.audience.store import count_suppressed, samples_of
from bot.broadcast.content.message import CompiledMessage
from bot.broadcast.content.warnings import (
    Remark,
    gaps,
    image_remarks,
    mail_remarks,
    price_unknown,
    remarks,
    sent_lately,
)
from bot.broadcast.draft import Prepared, Sample, costs, sample
from bot.broadcast.preflight import Preflight
from bot.broadcast.sent_lately import sent_ago
from storage import Audience, Broadcast, Database, Team

SAMPLES: Final = 3  # of how it reads


async def numbers_of(
    db: Database, preflight: Preflight, team: Team, broadcast: Broadcast, audience: Audience
) -> Prepared:
    """Count them, and ask whether it may be sent. Raises NotReadyError, or BotError POLICY."""
    approval.check_one_click(preflight.policy, broadcast)
    async with db.read() as session:
        source = await session.get_one(Audience, broadcast.source_id) if broadcast.source_id else audience
        suppressed = await count_suppressed(session, audience)
        fixed = CompiledMessage.from_json(broadcast.template)
        first = await samples_of(session, audience, SAMPLES, fixed.message.fields)
        sent = await sent_ago(session, broadcast, audience)
        needs = await approval.is_needed(session, preflight.policy, team, broadcast, session.now)
    size = max(1, audience.toward_quota - suppressed)
    image_bytes = fixed.image_bytes(broadcast.images)
    mailer, answer = await preflight.check(team, broadcast.from_address, broadcast.kind, size, image_bytes)
    cost, images = costs(mailer, audience.size - suppressed, len(fixed.parts(broadcast.images)), image_bytes)
    samples = [sample(fixed, address, values) for address, values in first]
    summary = ImportSummary.from_json(audience.import_summary)
    known = [
        *worth_knowing(team, broadcast, audience, fixed, samples),
        *([sent_lately(sent)] if sent else []),
        *([price_unknown()] if cost is None else []),
    ]
    return Prepared(
        broadcast=broadcast,
        source=source,
        audience=audience,
        summary=summary,
        samples=samples,
        remarks=known,
        suppressed=suppressed,
        readiness=answer,
        cost=cost,
        images=images,
        needs_approval=needs,
        selected=Selected.from_json(audience.import_summary),
    )


def worth_knowing(
    team: Team, broadcast: Broadcast, audience: Audience, fixed: CompiledMessage, samples: Sequence[Sample]
) -> list[Remark]:
    """Return it; `samples` are of its mails."""
    typed = broadcast.subject, broadcast.preheader, broadcast.body
    largest = max((sample.html_bytes for sample in samples), default=0)
    selected = Selected.from_json(audience.import_summary)
    where = Selection.from_json(broadcast.selection).where
    return [
        *ImportSummary.from_json(audience.import_summary).remarks(),
        *(selected.remarks(where) if selected else ()),
        *gaps(fixed.message, audience.columns, audience.empty_values, audience.size),
        *remarks(*typed, fixed.message, audience.columns, largest),
        *image_remarks(broadcast.body, broadcast.images),
        *mail_remarks(broadcast.body, (sample.subject for sample in samples), team.postal_address),
    ]

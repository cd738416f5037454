"""What a person typed, checked field by field and fixed as it will go out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

from bot.broadcast.audience.csv_reader import CsvAudience
from bot.broadcast.audience.header_detection import ANY, Choice
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.rejected_rows import RejectedRows
from bot.broadcast.audience.selection.selection import NOTHING_SELECTED, Selected, Selection
from bot.broadcast.audience.spreadsheets.upload import read_audience
from bot.broadcast.audience.store import Progress, no_progress
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.content.compiler import Footer, Unsubscribe, compile_template, layout_of
from bot.broadcast.content.html_body import texts_of
from bot.broadcast.content.images import Image
from bot.broadcast.content.look import Look
from bot.broadcast.content.merge_tags import MergeTag, parse_merge_tags
from bot.broadcast.content.message import CompiledMessage, named_address
from bot.broadcast.content.warnings import Remark
from bot.email_addresses import parse_address
from bot.errors import BotError
from bot.mailer.readiness.rules import Readiness
from bot.ses.prices import price
from storage import Audience, Broadcast, BroadcastState, Mailer, SendKind, Team

_JUST_NOW = timedelta(minutes=5)  # a time was picked, and then the form was filled
_LATEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Draft:
    """As typed. `body` is Slack's `rich_text` block, with names in the place of mentions, or an HTML page.

    `images` are of either, as they are mailed; `selection` is who of the audience gets it.
    """

    from_address: str
    reply_to: str
    subject: str
    preheader: str
    body: Mapping[str, Any] = field(default_factory=dict)
    images: Sequence[Image] = ()
    selection: Selection = NOTHING_SELECTED

    @classmethod
    def of(cls, broadcast: Broadcast) -> "Draft":
        """Return it as it was typed."""
        typed = broadcast.from_address, broadcast.reply_to, broadcast.subject, broadcast.preheader
        return cls(*typed, broadcast.body, broadcast.images, Selection.from_json(broadcast.selection))

    @property
    def columns(self) -> list[str]:
        """The columns that its text names."""
        texts = [self.subject, self.preheader, *texts_of(self.body)]
        return [part.field for text in texts for part in parse_merge_tags(text) if isinstance(part, MergeTag)]


@dataclass(frozen=True, slots=True)
class Edited:
    """The draft that somebody edits, and the version of it that they saw; `states` are those it may be in."""

    id: str
    version: int
    states: frozenset[BroadcastState] = frozenset({BroadcastState.DRAFT})


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to read: a CSV or a spreadsheet.

    Attributes:
        name: of the file; may be empty.
        file_id: Slack's, where it is there.
        choice: what a person has said about it.
        progress: is told how many rows are read.
        waits: for its turn, as long as that takes.
        rejects: takes the rows that are left out.
    """

    file: BinaryIO
    name: str = ""
    file_id: str = ""
    choice: Choice = ANY
    progress: Progress = no_progress
    waits: bool = True
    rejects: RejectedRows = field(default_factory=RejectedRows)

    def read(self, draft: Draft | None = None) -> CsvAudience:
        """Read the header of the file; the columns that a draft names are kept though they hold nothing."""
        return read_audience(self.file, choice=replace(self.choice, needs=draft.columns if draft else ()))

    def close(self) -> None:
        """Forget our copy."""
        self.file.close()
        self.rejects.close()


@dataclass(frozen=True, slots=True)
class Sample:
    """How one recipient's mail reads."""

    address: str
    subject: str
    text: str
    html_bytes: int


@dataclass(frozen=True, slots=True)
class ImagesWeight:
    """What the images of a broadcast come to: how many, in one mail, and in all. `cost` as in `Prepared`."""

    count: int
    bytes_a_mail: int
    bytes: int
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A draft with its numbers, for a person to confirm. The estimate of its duration is the readiness check's.

    `cost` is in dollars, at Amazon SES; None: not known. `source` is the audience that was chosen, `audience` what was
    selected of it, as `selected` says; where nothing was, both are the same.
    """

    broadcast: Broadcast
    source: Audience
    audience: Audience
    summary: ImportSummary
    samples: Sequence[Sample]
    remarks: Sequence[Remark]
    suppressed: int
    readiness: Readiness
    cost: Decimal | None = None
    images: ImagesWeight | None = None
    needs_approval: bool = False
    selected: Selected | None = None


@dataclass(frozen=True, slots=True)
class Addresses:
    """From and Reply-to in their normal form; `reply_to` may be empty."""

    sender: str
    reply_to: str

    @classmethod
    def of(cls, draft: Draft) -> "Addresses":
        """Raises BotError for the field that holds no address."""
        reply_to = parse_address(draft.reply_to, field="reply_to") if draft.reply_to.strip() else ""
        return cls(parse_address(draft.from_address, field="from"), reply_to)


def compile_draft(
    team: Team,
    look: Look,
    draft: Draft,
    addresses: Addresses,
    kind: SendKind,
    columns: Sequence[str] | None,
    public_url: str,
    call_bytes: int,
) -> CompiledMessage:
    """Compile the draft into what SES is given; without `columns` no field is looked for in them.

    Raises:
        BotError: for the field it is about (`compile_template`).
    """
    leave_at = addresses.reply_to or addresses.sender
    way_out = Unsubscribe.LINK if public_url else Unsubscribe.MAIL
    footer = Footer(way_out, leave_at, team.postal_address, look.footer_words)
    message = compile_template(
        draft.subject, draft.preheader, draft.body, columns, footer, draft.images, call_bytes, look
    )
    if kind is SendKind.TEST:
        message = replace(message, subject=f"[Test] {message.subject}")
    sender = named_address(team.from_name, addresses.sender)
    shown = look.of(layout_of(draft.body))
    return CompiledMessage(sender, addresses.reply_to, leave_at, public_url, tuple(columns or ()), message, shown)


def sample(fixed: CompiledMessage, address: str, values: Sequence[str]) -> Sample:
    """Render one recipient's mail, with a link that leads nowhere."""
    rendered = fixed.sample(values)
    return Sample(address, rendered.subject, rendered.text, len(rendered.html.encode()))


def costs(
    mailer: Mailer, recipients: int, images: int, bytes_a_mail: int
) -> tuple[Decimal | None, ImagesWeight | None]:
    """Return what mailing so many costs, and what the images in each of the mails come to."""
    if not bytes_a_mail:
        return price(mailer.pricing_plan, mailer.region, recipients), None
    attached = bytes_a_mail * recipients
    of_images = price(mailer.pricing_plan, mailer.region, 0, attached)
    weight = ImagesWeight(images, bytes_a_mail, attached, of_images)
    return price(mailer.pricing_plan, mailer.region, recipients, attached), weight


def check_start(start_at: datetime | None, now: datetime) -> datetime | None:
    """Return when to start; None: as soon as it is confirmed.

    Raises:
        BotError: SEND_AT_PAST or SEND_AT_FAR, for the field `send_at`.
    """
    if start_at is None or now - _JUST_NOW <= start_at <= now:
        return None
    if start_at < now:
        raise BotError(BroadcastCode.SEND_AT_PAST, field="send_at")
    if start_at - now > _LATEST:
        raise BotError(BroadcastCode.SEND_AT_FAR, field="send_at")
    return start_at

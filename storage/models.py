"""Every table Mailroom remembers things in.

Identifiers are random and opaque, so that nothing can be guessed from a button, an address or an API answer. Table
classes do not validate on construction (SQLModel): what comes from outside is checked before it reaches them, and the
database holds the constraints that must never break.
"""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlmodel import Field, SQLModel

from storage.states import (
    Access,
    ApprovalRule,
    BroadcastState,
    ChunkState,
    DeliveryState,
    DmarcState,
    HeadingFont,
    IdentityKind,
    IdentityState,
    IncidentKind,
    IncidentState,
    KeepRecipients,
    PollKind,
    Production,
    Sending,
    SendKind,
    SignIn,
    SuppressionReason,
)

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.model_config["defer_build"] = True  # a table's class validates nothing, so pydantic's part is not built


def new_id() -> str:
    """Return 128 random bits as 32 hex digits."""
    return secrets.token_hex(16)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC on both databases (SQLite keeps no zone by itself)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone must not reach the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _state(values: type[StrEnum], name: str, default: StrEnum | None = None, *, key: bool = False) -> Any:
    """Declare a column that holds one value of a closed list, kept by a CHECK constraint."""
    kept = Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda listed: [member.value for member in listed],
    )
    column: Column[Any] = Column(kept, nullable=False, primary_key=key)
    return Field(sa_column=column) if default is None else Field(default=default, sa_column=column)


def _time(*, index: bool = False) -> Any:
    return Field(sa_column=Column(UtcDateTime, nullable=False, index=index))


def _maybe_time(*, index: bool = False, stored: str | None = None) -> Any:
    """Declare a column for a time or NULL; `stored` is its name in the database, where that is another."""
    return Field(default=None, sa_column=Column(UtcDateTime, name=stored, nullable=True, index=index))


def _count(stored: str) -> Any:
    """Declare a column for a number, 0 at first, whose name in the database is another."""
    return Field(default=0, sa_column_kwargs={"name": stored})


def _json(factory: Any) -> Any:
    return Field(default_factory=factory, sa_column=Column(JSON, nullable=False))


def _text(default: str = "") -> Any:
    return Field(default=default, sa_column=Column(Text, nullable=False))


def _ref(target: str, *, index: bool = True, nullable: bool = False, key: bool = False) -> Any:
    """Declare a foreign key whose row is deleted with its target."""
    column: Column[Any] = Column(
        ForeignKey(target, ondelete="CASCADE"), nullable=nullable, index=index and not key, primary_key=key
    )
    return Field(default=None, sa_column=column) if nullable else Field(sa_column=column)


class _Identified(SQLModel):
    """A row with an id of its own."""

    id: str = Field(default_factory=new_id, primary_key=True)


class Team(_Identified, table=True):
    """One channel of one workspace. The channel id is an attribute: Slack may change it."""

    __table_args__ = (UniqueConstraint("slack_team_id", "channel_id"),)

    enterprise_id: str = ""
    slack_team_id: str
    channel_id: str
    name: str  # of the channel, from conversations.info
    private: bool = False
    shared: bool = False  # with another workspace, by Slack Connect
    previous_channel_id: str = ""  # resolves until `previous_until`: Slack gave the channel a new id
    previous_until: datetime | None = _maybe_time()
    reachable: bool = True
    unreachable_why: str = ""  # Slack's error code
    external_id: str | None = None  # for the IAM role; stays until the mailer is deleted
    from_name: str = ""
    reply_to: str = ""
    postal_address: str = _text()
    senders: list[str] = _json(list)  # user ids; empty: every member may send
    tests_go_to: list[str] = _json(list)  # addresses
    approval: ApprovalRule = _state(ApprovalRule, "approval", ApprovalRule.NEVER)
    approval_from: int = 1_000  # recipients, where the rule is about their number
    approvers: list[str] = _json(list)  # user ids; empty: team admins
    approvals: int = 1  # how many a broadcast needs
    keep_recipients: KeepRecipients = _state(KeepRecipients, "keep_recipients", KeepRecipients.FOR_EVER)
    ops: bool = False  # the operator's channel, which hears of every team
    created_by: str
    created_at: datetime = _time()


class TeamAdmin(SQLModel, table=True):
    """A person appointed by a team admin; owners and admins of the workspace need no row."""

    __tablename__ = "team_admin"

    team_id: str = _ref("team.id", key=True)
    user_id: str = Field(primary_key=True)
    appointed_by: str
    appointed_at: datetime = _time()


class TeamLook(SQLModel, table=True):
    """How a team's mails look; apart, since a team is read at every click, and a logo is large."""

    __tablename__ = "team_look"

    team_id: str = _ref("team.id", key=True)
    logo: dict[str, Any] = _json(dict)  # bot/broadcast/content/images.py; empty: none
    colour: str = ""  # #rrggbb, or none
    heading_font: HeadingFont = _state(HeadingFont, "heading_font", HeadingFont.SYSTEM)
    footer_words: str = _text()


class ConnectDraft(SQLModel, table=True):
    """What one person typed into the form of *Connect* or *Reconnect* last; never a secret."""

    __tablename__ = "connect_draft"

    team_id: str = _ref("team.id", key=True)
    user_id: str = Field(primary_key=True)
    mailer_id: str = ""  # empty: to connect
    region: str = ""
    sign_in: str = ""
    role_arn: str = ""
    access_key_id: str = ""
    at: datetime = _time(index=True)


class OpenForm(SQLModel, table=True):
    """*Only those where*, as one person has chosen it for a broadcast whose form is still open."""

    __tablename__ = "open_form"

    id: str = Field(primary_key=True)  # which the form carries
    team_id: str = _ref("team.id")
    user_id: str
    chosen: dict[str, Any] = _json(dict)  # a filter; empty: all of the audience
    columns: list[str] = _json(list)  # of the audience, where they are known
    view: dict[str, Any] = _json(dict)  # the form, as it was drawn last
    at: datetime = _time(index=True)


class Mailer(_Identified, table=True):
    """A team's connection to one AWS account in one region, with what AWS last said about it."""

    __table_args__ = (
        UniqueConstraint("team_id"),  # at most one mailer a team
        UniqueConstraint("connection"),
    )

    team_id: str = _ref("team.id", index=False)
    version: int = 1
    connection: str  # random; names the topic, the queue and the route for SNS
    account_id: str
    region: str
    principal_arn: str
    sign_in: SignIn = _state(SignIn, "sign_in", SignIn.ACCESS_KEY)
    credentials: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # sealed
    credentials_at: datetime = _time()
    connected_by: str
    connected_at: datetime = _time()

    configuration_set: str
    topic_arn: str
    queue_url: str | None = None  # None: there is none that works
    endpoint: str = ""  # our address, which SNS tells of events where there is no queue
    missing_optional: list[str] = _json(list)  # optional actions the policy lacks

    access: Access = _state(Access, "access", Access.OK)
    access_since: datetime = _time()
    access_error: str = ""  # code of the failure
    access_action: str = ""  # the missing action, where one is known
    access_checked_at: datetime = _time()  # the last walk through every permission
    unanswered_since: datetime | None = _maybe_time()  # AWS has not answered at all since then

    production_access: bool = False
    review_status: str = ""  # as AWS sent it
    review_case_id: str = ""
    applied_at: datetime | None = _maybe_time()
    sending_enabled: bool = True
    enforcement_status: str = "HEALTHY"  # as AWS sent it
    production: Production = _state(Production, "production", Production.SANDBOX)
    sending: Sending = _state(Sending, "sending", Sending.ENABLED)
    pricing_plan: str = ""  # as AWS sent it
    max_24_hour_send: float = 0  # recipients; -1 is unlimited
    max_send_rate: float = 0  # recipients a second
    sent_last_24_hours: float = 0
    sent_lately: int = 0  # in 24 hours, by events
    bounced_lately: int = 0
    complained_lately: int = 0
    reputation_at: datetime | None = _maybe_time(stored="rated_at")  # when these three were counted
    last_event_at: datetime | None = _maybe_time(stored="heard_at")
    probed_at: datetime | None = _maybe_time(stored="tested_at")  # the simulator was last mailed, to cause an event
    unanswered_probes: int = _count("self_tests")  # since the last event
    missing_events: int = _count("unheard")  # mails for which SES should have sent an event, and did not
    missing_events_since: datetime | None = _maybe_time(stored="unheard_since")
    suppressions_at: datetime | None = _maybe_time()  # AWS's own list was read up to then
    checked_at: datetime = _time()


class Identity(_Identified, table=True):
    """An address or domain as SES knows it. Unmanaged ones are kept as facts and never touched."""

    __table_args__ = (UniqueConstraint("mailer_id", "name"),)

    team_id: str = _ref("team.id")
    mailer_id: str = _ref("mailer.id", index=False)
    version: int = 1
    name: str  # normalised: domain in lower case and punycode
    kind: IdentityKind = _state(IdentityKind, "kind")
    managed: bool = False
    adopted: bool = False  # was at AWS before Mailroom
    added_by: str = ""
    state: IdentityState = _state(IdentityState, "state", IdentityState.PENDING)
    state_since: datetime = _time()
    pending_since: datetime | None = _maybe_time()  # start of the wait that AWS limits to 24 or 72 hours
    verified_at: datetime | None = _maybe_time()  # None: never, since it was added or its verification retried
    verification_status: str = ""  # as AWS sent it
    sends: bool = True  # AWS's own flag: in a temporary failure it decides
    error_type: str = ""  # as AWS sent it
    dkim_status: str = ""
    dkim_tokens: list[str] = _json(list)
    dkim_zone: str = ""  # SigningHostedZone
    mail_from_domain: str = ""
    mail_from_status: str = ""
    feedback_forwarding: bool = True  # AWS mails bounces and complaints to the sender, as AWS last said
    forwarding_disabled: bool = False  # by Mailroom; it was on before
    forwarding_consent_by: str = ""  # who let it be disabled, where it was adopted
    dmarc: DmarcState = _state(DmarcState, "dmarc", DmarcState.UNKNOWN)
    dmarc_found_at: datetime | None = _maybe_time()  # last
    dmarc_missing_since: datetime | None = _maybe_time()  # until it is found again
    attempt: int = 1  # how often it was created here: each time its DNS records are others
    replaces: str = ""  # name of the identity whose place it took
    intent: str = ""  # "retry" or "replace" while one is under way
    intent_detail: dict[str, Any] = _json(dict)
    intent_due_at: datetime | None = _maybe_time(index=True)  # until then one process carries it out
    checked_at: datetime = _time()


class Incident(_Identified, table=True):
    """One thing that is wrong, from its first sight to its end."""

    __table_args__ = (
        Index(
            "uq_incident_open",
            "team_id",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("state <> 'resolved'"),
            postgresql_where=text("state <> 'resolved'"),
        ),
    )

    team_id: str = _ref("team.id")
    mailer_id: str | None = _ref("mailer.id", nullable=True)
    kind: IncidentKind = _state(IncidentKind, "incident_kind")
    subject: str = ""
    state: IncidentState = _state(IncidentState, "state", IncidentState.OPEN)
    version: int = 1
    detail: dict[str, Any] = _json(dict)
    opened_at: datetime = _time()
    updated_at: datetime = _time()
    resolved_at: datetime | None = _maybe_time()
    reminded_at: datetime | None = _maybe_time()
    acknowledged_by: str = ""


class Outbox(_Identified, table=True):
    """One message that the channel (or a person) is to have, and whether it has it.

    It holds a kind and a record id; what the message says is drawn from the facts when it is posted. `wanted` goes up
    whenever the message should be drawn again; it is due while `shown` is behind.
    """

    __table_args__ = (
        UniqueConstraint("key"),
        Index("ix_outbox_due_at", "due_at"),
        Index(
            "ix_outbox_behind",  # what `leases.rouse` looks for: as a rule it is empty
            "key",
            sqlite_where=text("due_at IS NULL AND shown < wanted"),
            postgresql_where=text("due_at IS NULL AND shown < wanted"),
        ),
    )

    team_id: str = _ref("team.id")
    key: str
    kind: str
    record_id: str
    user_id: str = ""  # a direct message to this person instead of the channel
    reply_to: str = ""  # key of the message under which this one is a thread reply
    is_file: bool = False  # made and uploaded, which takes longer than saying something
    wanted: int = 1
    shown: int = 0
    fence: int = 0
    due_at: datetime | None = _maybe_time()
    behind_since: datetime | None = _maybe_time()  # as due_at was at first, before any try
    claims: int = 0  # since it was last finished: more than one where a claim was lost
    attempts: int = 0
    last_error: str = ""
    channel_id: str = ""  # where it was posted
    ts: str = ""  # Slack's timestamp of it, once posted
    drawn: str = ""  # SHA-256 of what it says there
    created_at: datetime = _time()


class SendingAccount(_Identified, table=True):
    """One sender per AWS account and region: its lease, its pace."""

    __tablename__ = "sending_account"
    __table_args__ = (UniqueConstraint("account_id", "region"),)

    account_id: str
    region: str
    owner: str = ""
    fence: int = 0
    lease_until: datetime | None = _maybe_time()
    share: float = 1  # of the rate that AWS allows
    next_send_at: datetime | None = _maybe_time()  # GCRA: the theoretical arrival time
    work_at: datetime | None = _maybe_time(index=True)  # when there is something to do


class Poll(SQLModel, table=True):
    """A thing that is looked at again and again. Its due time is its lease."""

    __table_args__ = (Index("ix_poll_kind_due_at", "kind", "due_at"),)

    kind: PollKind = _state(PollKind, "kind", key=True)
    subject_id: str = Field(primary_key=True)
    due_at: datetime = _time()
    fence: int = 0


class Audience(_Identified, table=True):
    """Recipients as they were uploaded; never changed afterwards, so that what was confirmed is what is sent.

    A name makes it a saved one, and may go over to a later upload.
    """

    __table_args__ = (
        Index(
            "uq_audience_saved",
            "team_id",
            "name_key",
            unique=True,
            sqlite_where=text("name_key <> ''"),
            postgresql_where=text("name_key <> ''"),
        ),
    )

    team_id: str = _ref("team.id")
    name: str = ""  # empty: not saved
    name_key: str = ""  # folded for comparison
    columns: list[str] = _json(list)
    size: int = 0  # 0 while it is being read
    toward_quota: int = 0  # members that count toward the daily quota
    duplicates: int = 0
    invalid: int = 0
    rejected: list[dict[str, Any]] = _json(list)  # the first ones: {"line", "value", "why"}
    empty_values: list[int] = _json(list)  # of each column, how many of the members have nothing in it
    import_summary: dict[str, Any] = _json(dict)
    file_name: str = ""
    file_id: str = ""  # Slack's
    held_until: datetime | None = _maybe_time()  # until then it stays, though no name and no broadcast has it
    revision: int = 0  # of its name; 0: it never had one
    named_at: datetime | None = _maybe_time()  # when it got its name
    previous_id: str | None = Field(  # what had the name before
        default=None,
        sa_column=Column(ForeignKey("audience.id", ondelete="SET NULL"), nullable=True, index=True),
    )
    undo_until: datetime | None = _maybe_time()  # until then that can have the name again
    change: dict[str, Any] = _json(dict)  # what it changes in the one it was made from: its id, and counts
    created_by: str
    created_at: datetime = _time()


class AudienceBlock(SQLModel, table=True):
    """Some members of an audience, in its order. A row for each of a million would cost ten times as much to write."""

    __tablename__ = "audience_block"

    audience_id: str = _ref("audience.id", key=True)
    first_seq: int = Field(primary_key=True)  # of the first of them; members are counted from 1
    addresses: list[str] = _json(list)
    lines: list[int] = _json(list)  # of each, where it stands in the file
    fields: list[list[str]] = _json(list)  # of each, its values in the order of Audience.columns


class Broadcast(_Identified, table=True):
    """A test or a broadcast, from draft to report."""

    __table_args__ = (Index("ix_broadcast_state_start_at", "state", "start_at"),)

    team_id: str = _ref("team.id")
    mailer_id: str | None = Field(  # None once the mailer is deleted: history stays
        sa_column=Column(ForeignKey("mailer.id", ondelete="SET NULL"), nullable=True, index=True)
    )
    audience_id: str | None = _ref("audience.id", nullable=True)  # None: a draft that has none yet
    audience_name: str = ""  # of the saved one it was; that may have gone over to another since
    audience_revision: int = 0  # that the name then had; 0: it was no saved one
    source_id: str | None = _ref("audience.id", nullable=True)  # what it was selected from; None: nothing was selected
    selection: dict[str, Any] = _json(dict)  # bot/broadcast/audience/selection; empty: all of the audience
    version: int = 1
    kind: SendKind = _state(SendKind, "kind")
    state: BroadcastState = _state(BroadcastState, "state", BroadcastState.DRAFT)
    pause_reasons: list[str] = _json(list)
    from_address: str
    reply_to: str = ""
    subject: str = _text()
    preheader: str = _text()
    body: dict[str, Any] = _json(dict)  # Slack rich text, as typed, or an HTML page
    images: list[dict[str, Any]] = _json(list)  # bot/broadcast/content/images.py
    template: dict[str, Any] = _json(dict)  # what SES is given, fixed at confirmation
    size: int = 0
    created_by: str
    created_at: datetime = _time()
    edited_by: str = ""
    edited_at: datetime | None = _maybe_time()  # None: never since it was made
    shared: bool = False  # the channel has a message about it: everyone who may send may change it
    asked_by: str = ""  # for approval; empty once it is a draft again
    asked_at: datetime | None = _maybe_time()
    asked_of: list[str] = _json(list)  # user ids: who could approve it then
    held_at: datetime | None = _maybe_time()  # since then a request cannot be answered, and its clock stands
    held_seconds: int = 0  # that its clock has stood
    agreed: list[str] = _json(list)  # to which confirmations
    approved_by: list[str] = _json(list)  # user ids; of this very version
    confirmed_by: str = ""
    start_at: datetime | None = _maybe_time()
    started_at: datetime | None = _maybe_time()
    resumed_at: datetime | None = _maybe_time(stored="went_on_at")  # the start, or the last resume or resend
    finished_at: datetime | None = _maybe_time()
    # after a stop for bounces or complaints an admin resumed it: only later ones count
    reputation_from: datetime | None = _maybe_time(stored="judged_from")
    # deliveries that were in doubt by then stay so, and nobody is asked about them again
    doubts_closed_at: datetime | None = _maybe_time(stored="doubts_left_at")
    recipients_gone_at: datetime | None = _maybe_time()  # then who they were was forgotten, or began to be
    error: str = ""


class Chunk(_Identified, table=True):
    """One SendBulkEmail call: the intent before it, the result after it. Its id is the attempt tag."""

    __table_args__ = (Index("ix_chunk_sending_account_id_state", "sending_account_id", "state"),)

    broadcast_id: str = _ref("broadcast.id")
    sending_account_id: str = _ref("sending_account.id", index=False)
    state: ChunkState = _state(ChunkState, "state", ChunkState.PENDING)
    fence: int
    size: int
    called_at: datetime | None = _maybe_time()
    finished_at: datetime | None = _maybe_time()
    error: str = ""


class Delivery(SQLModel, table=True):
    """One recipient of one broadcast. The constraint ensures that no address is in it twice."""

    __table_args__ = (
        UniqueConstraint("broadcast_id", "address_key"),
        Index("ix_delivery_broadcast_id_state_seq", "broadcast_id", "state", "seq"),
        Index("ix_delivery_chunk_id", "chunk_id"),
    )

    broadcast_id: str = _ref("broadcast.id", key=True)
    seq: int = Field(primary_key=True)
    address: str
    address_key: str
    state: DeliveryState = _state(DeliveryState, "state", DeliveryState.PENDING)
    chunk_id: str | None = None
    message_id: str | None = None
    error: str = ""
    at: datetime = _time()
    retries: int = 0  # transient failures so far


class Suppression(_Identified, table=True):
    """An address this team never mails again. It outlives the mailer."""

    __table_args__ = (
        UniqueConstraint("team_id", "address_key"),
        Index("ix_suppression_change", "team_id", "change", "address_key"),
        Index(
            "ix_suppression_hashed",  # of most teams there is none
            "team_id",
            sqlite_where=text("hashed"),
            postgresql_where=text("hashed"),
        ),
    )

    team_id: str = _ref("team.id", index=False)
    address: str
    address_key: str
    reason: SuppressionReason = _state(SuppressionReason, "reason")
    word: str = Field(default="", sa_column_kwargs={"server_default": ""})  # the reason, as a file had it
    source: str = ""  # broadcast id, or the person who recorded it
    created_at: datetime = _time()  # since when it counts: of a file, its own date
    change: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # the team's, that it comes from
    changed_at: datetime | None = _maybe_time()  # None: as it was created
    hashed: bool = Field(default=False, sa_column_kwargs={"server_default": false()})  # no address any more


class LiftedSuppression(SQLModel, table=True):
    """An address that was on the list and may be mailed again; gone once it is suppressed anew."""

    __tablename__ = "lifted_suppression"
    __table_args__ = (Index("ix_lifted_suppression_change", "team_id", "change", "address_key"),)

    team_id: str = _ref("team.id", key=True)
    address_key: str = Field(primary_key=True)
    address: str
    reason: SuppressionReason = _state(SuppressionReason, "reason")  # why it was suppressed
    word: str = ""
    source: str = ""
    created_at: datetime = _time()
    lifted_at: datetime = _time()
    lifted_by: str = ""  # a person, a token, or the recipient
    change: int


class SuppressionChange(SQLModel, table=True):
    """The number of the last change of a team's suppression list. Who writes to the list holds this row."""

    __tablename__ = "suppression_change"

    team_id: str = _ref("team.id", key=True)
    number: int = 0


class Webhook(_Identified, table=True):
    """Where a team is told of what happens, at most one a team."""

    __table_args__ = (UniqueConstraint("team_id"),)

    team_id: str = _ref("team.id", index=False)
    version: int = 1
    address: str = _text()
    topics: list[str] = _json(list)  # bot/webhooks/events.py
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # sealed
    old_secret: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))  # sealed; signs, too
    old_secret_until: datetime | None = _maybe_time()
    saved_by: str
    saved_at: datetime = _time()
    gone_at: datetime | None = _maybe_time()  # it answered 410 and is off until a person says otherwise
    dropped: int = 0  # events that were given up since one was taken
    attempts: list[dict[str, Any]] = _json(list)  # the last ones, the newest first
    fence: int = 0
    lease_until: datetime | None = _maybe_time()  # until then one process posts to it


class WebhookEvent(SQLModel, table=True):
    """What a webhook is still to be told. Of one lane the next goes only when the one before is taken or dropped."""

    __tablename__ = "webhook_event"
    __table_args__ = (Index("ix_webhook_event_team_id_lane_seq", "team_id", "lane", "seq"),)

    seq: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)  # the same at each attempt
    team_id: str = _ref("team.id", index=False)
    lane: str
    type: str
    data: dict[str, Any] = _json(dict)
    created_at: datetime = _time()
    due_at: datetime = _time(index=True)
    begun_at: datetime | None = _maybe_time()  # the first attempt: from then on what it says stays as it is
    failures: int = 0


class ProcessedRequest(SQLModel, table=True):
    """What was handled already: Slack deliveries, SNS messages, idempotency keys."""

    __tablename__ = "seen_request"

    key: str = Field(primary_key=True)
    seen_at: datetime = _time(index=True)
    # Of a request to the API, which gets the same answer when it comes again:
    request_hash: str = ""
    status: int = 0
    reply: str = ""
    reply_headers: dict[str, str] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False, server_default="{}")
    )


class ApiToken(_Identified, table=True):
    __tablename__ = "api_token"

    team_id: str = _ref("team.id")
    name: str = ""
    prefix: str = ""  # the first characters, by which people recognise it
    token_hash: str = Field(unique=True)  # SHA-256 of 256 random bits; of a revoked one nothing is kept
    scopes: list[str] = _json(list)  # TokenScope
    created_by: str
    created_at: datetime = _time()
    used_at: datetime | None = _maybe_time()
    ends_at: datetime | None = _maybe_time()  # None: until it is revoked
    revoked_at: datetime | None = _maybe_time()  # its row stays: the name of who wrote what


class Installation(_Identified, table=True):
    """The app as one workspace, or one whole organization of Enterprise Grid, installed it by OAuth."""

    __table_args__ = (UniqueConstraint("enterprise_id", "slack_team_id"),)

    enterprise_id: str = ""
    slack_team_id: str = ""  # empty: the organization's
    bot_user_id: str
    bot_token: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))  # sealed; None: dead
    refresh_token: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))  # sealed
    expires_at: datetime | None = _maybe_time()  # of both; None: without token rotation
    renewal_until: datetime | None = _maybe_time()  # a process is having new ones until then
    name: str = Field(default="", sa_column_kwargs={"server_default": ""})
    url: str = Field(default="", sa_column_kwargs={"server_default": ""})  # of it in Slack
    scopes: str = _text()
    installed_by: str
    installed_at: datetime = _time()


class OrgWorkspace(SQLModel, table=True):
    """A workspace to which an organization has added the app that it installed."""

    __tablename__ = "org_workspace"

    slack_team_id: str = Field(primary_key=True)
    installation_id: str = _ref("installation.id")


class Restoration(SQLModel, table=True):
    """A team that was set back to a copy of the database, and whether somebody has said *Go on* since."""

    team_id: str = _ref("team.id", key=True)
    copied_at: datetime = _time()  # the moment to which it was set back
    restored_at: datetime = _time()
    journal: bool = False  # there was one of suppressions since
    returned: int = 0  # addresses that came back from it
    answered_by: str = ""
    answered_at: datetime | None = _maybe_time()


class Audit(SQLModel, table=True):
    """Who did what to what; written in the transaction that did it."""

    id: int | None = Field(default=None, primary_key=True)
    team_id: str = Field(index=True)  # no foreign key: it outlives what it tells of
    at: datetime = _time()
    actor: str  # Slack user id, or "mailroom"
    action: str
    subject: str = ""
    before: dict[str, Any] = _json(dict)
    after: dict[str, Any] = _json(dict)


class SealingCheck(SQLModel, table=True):
    """A known text, sealed with each key that was ever in use: what a wrong key gives itself away by."""

    __tablename__ = "sealing_check"

    key_id: str = Field(primary_key=True)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class LinkKey(SQLModel, table=True):
    """A key that signs unsubscribe links, or did once; and the one that erased addresses are hashed with."""

    __tablename__ = "link_key"

    id: str = Field(primary_key=True)
    key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # sealed

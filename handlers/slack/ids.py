"""Every identifier that Slack hands back to us: `flow:thing:verb` for what is pressed or submitted."""

from dataclasses import dataclass
from enum import StrEnum


class Button(StrEnum):
    """action_id of a button."""

    CONNECT = "connection:mailer:connect"
    RECONNECT = "connection:mailer:reconnect"
    DELETE_MAILER = "connection:mailer:delete"
    LOOK = "connection:mailer:look"
    CREATE_ROLE = "connection:role:create"
    ADD_IDENTITY = "identity:new:add"
    CHECK_NOW = "identity:pending:check"
    DISABLE_FORWARDING = "identity:adopted:disable_forwarding"
    RETRY = "identity:failed:retry"
    REPLACE = "identity:failed:replace"
    APPLY = "production:access:apply"
    EDIT_LOOK = "team:look:edit"
    SENDER_RULES = "connection:rules:show"
    CHECK_RULES = "connection:rules:check"
    SET_UP = "connection:rules:set_up"
    SEND_TEST = "send:test:compose"
    NEW_BROADCAST = "send:broadcast:compose"
    CHECK_DRAFT = "broadcast:draft:check"
    MAIL_ME_ONE = "broadcast:draft:mail_one"
    SEE_IT = "broadcast:draft:see"
    SHOW_MISSING = "broadcast:draft:list_missing"
    EDIT = "broadcast:draft:edit"
    BACK = "broadcast:draft:back"
    DISCARD = "broadcast:draft:discard"
    CHANGE_AUDIENCE = "broadcast:draft:drop"
    TAKE_THEIRS = "broadcast:draft:reload"
    NEW_CANVAS = "send:canvas:create"
    USE_AGAIN = "broadcast:any:copy"
    REVIEW = "broadcast:request:review"
    APPROVE = "broadcast:request:approve"
    REQUEST_CHANGES = "broadcast:request:send_back"
    WITHDRAW = "broadcast:request:withdraw"
    REMOVE_AUDIENCE = "audience:saved:remove"
    WRITE_TO_AUDIENCE = "audience:held:compose"
    CHOOSE_ANOTHER = "audience:held:drop"
    UNDO = "broadcast:scheduled:undo"
    PAUSE = "broadcast:sending:pause"
    RESUME = "broadcast:paused:resume"
    GO_ON = "broadcast:stopped:resume"
    CANCEL = "broadcast:any:cancel"
    GO_ON_RESTORED = "team:restored:resume"
    LEAVE = "broadcast:doubt:leave"
    SEND_AGAIN = "broadcast:doubt:resend"
    RESEND_FAILED = "broadcast:failed:resend"
    GET_LIST = "broadcast:recipients:list"
    SHOW = "broadcast:any:show"
    NEWER = "broadcast:page:newer"
    OLDER = "broadcast:page:older"
    CHECK_EVENTS = "connection:events:check"
    ACKNOWLEDGE = "incident:open:acknowledge"
    PREVIOUS = "home:page:previous"
    NEXT = "home:page:next"
    IMPORT_SUPPRESSIONS = "team:suppressions:import"
    GET_SUPPRESSIONS = "team:suppressions:list"
    LIFT = "suppression:listed:lift"
    WEBHOOK = "webhook:address:show"
    TRY_WEBHOOK = "webhook:address:try"
    WEBHOOK_ATTEMPTS = "webhook:attempts:list"
    NEW_SECRET = "webhook:secret:renew"  # noqa: S105 - the name of a button
    WEBHOOK_OFF = "webhook:address:forget"
    RETRY_WEBHOOK = "webhook:failing:retry"
    DROP_WEBHOOK = "webhook:failing:forget"
    EXPORT_PERSON = "team:people:export"
    ERASE_PERSON = "team:people:erase"
    CREATE_TOKEN = "api:token:create"  # noqa: S105 - the name of a button
    REVOKE_TOKEN = "api:token:revoke"  # noqa: S105 - as above


class Shortcut(StrEnum):
    """callback_id of an entry in the menu of a message."""

    WRITE_BROADCAST = "send:message:compose"
    USE_AS_AUDIENCE = "audience:message:use"


class Form(StrEnum):
    """callback_id of a modal that is submitted."""

    CONNECT = "connection:mailer:check"
    RECONNECT = "connection:mailer:recheck"
    DELETE_MAILER = "connection:mailer:destroy"
    ADD_IDENTITY = "identity:new:create"
    REPLACE_IDENTITY = "identity:failed:exchange"
    ADMINS = "team:admins:appoint"
    SETTINGS = "team:settings:save"
    LOOK_UP_SUPPRESSION = "team:suppressions:look_up"
    READ_SUPPRESSIONS = "team:suppressions:read"
    IMPORT_SUPPRESSIONS = "team:suppressions:run"
    LIFT = "suppression:listed:confirm"
    WEBHOOK = "webhook:address:save"
    LOOK = "team:look:save"
    LOOK_UP_PERSON = "team:people:look_up"
    ERASE_PERSON = "team:people:confirm"
    PRODUCTION = "production:access:submit"
    SEND_TEST = "send:test:submit"
    CHOOSE_FILE = "audience:message:read"
    NEW_BROADCAST = "send:broadcast:prepare"
    EDIT_BROADCAST = "broadcast:draft:save"
    CONFIRM_BROADCAST = "send:broadcast:confirm"
    ASK_FOR_APPROVAL = "broadcast:draft:ask"
    APPROVE = "broadcast:request:confirm"
    REQUEST_CHANGES = "broadcast:request:return"
    MAIL_ME_ONE = "broadcast:draft:mail_one"
    CREATE_TOKEN = "api:token:issue"  # noqa: S105 - the name of a form
    SEND_AGAIN = "broadcast:doubt:confirm"
    RESEND_FAILED = "broadcast:failed:confirm"


class Input(StrEnum):
    """block_id of an input; its element's action_id is the same text."""

    REGION = "region"
    SIGN_IN = "sign_in"
    ROLE_ARN = "role_arn"
    ACCESS_KEY_ID = "access_key_id"
    SECRET_ACCESS_KEY = "secret_access_key"  # noqa: S105 - the name of a field, not a secret
    CHANNEL_NAME = "channel_name"
    DELETE_AT_AWS = "delete_at_aws"
    IDENTITY = "identity"
    MOVE_BROADCASTS = "move_broadcasts"
    REMOVE_OLD = "remove_old"
    ADMINS = "admins"
    FROM_NAME = "from_name"
    POSTAL_ADDRESS = "postal_address"
    SENDERS = "senders"
    WEBSITE = "website"
    MAIL_TYPE = "mail_type"
    LANGUAGE = "language"
    CONTACTS = "contacts"
    USE_CASE = "use_case"
    FROM = "from"
    TO = "to"
    REPLY_TO = "reply_to"
    SUBJECT = "subject"
    PREHEADER = "preheader"
    CONTENT = "content"
    MESSAGE = "message"
    HTML = "html"
    KEPT_IMAGES = "kept_images"
    MESSAGE_IMAGES = "message_images"
    IMAGES = "images"
    CANVAS = "canvas"
    FILE = "file"
    AUDIENCE = "audience"
    SAVED_AUDIENCE = "saved_audience"
    SAVE_AS = "save_as"
    SEND_AT = "send_at"
    ADDRESS_COLUMN = "address_column"
    LEAVE_OUT = "leave_out"
    OVER_QUOTA = "over_quota"
    NO_ONE_CLICK = "no_one_click"
    NO_DMARC = "no_dmarc"
    LARGE_IMAGES = "large_images"
    RECIPIENT = "recipient"
    LINE = "line"
    SEND_TO = "send_to"
    TESTS_GO_TO = "tests_go_to"
    APPROVAL = "approval"
    APPROVAL_FROM = "approval_from"
    APPROVERS = "approvers"
    APPROVALS = "approvals"
    KEEP_RECIPIENTS = "keep_recipients"
    KEEP_LOGO = "keep_logo"
    LOGO = "logo"
    COLOUR = "colour"
    HEADING_FONT = "heading_font"
    FOOTER_WORDS = "footer_words"
    NOTE = "note"
    ADDRESS = "address"
    CONSENT_HOW = "consent_how"
    CONSENT_AT = "consent_at"
    NAME = "name"
    SCOPES = "scopes"
    ENDS = "ends"
    WEBHOOK_ADDRESS = "webhook_address"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Ref:
    """What a button's value and a modal's private_metadata hold: opaque ids and a version, never a fact or a secret.

    It is routing, not permission: the record is loaded by id *and* team.
    """

    team_id: str = ""
    record_id: str = ""
    version: int = 0

    def __str__(self) -> str:
        return f"{self.team_id}.{self.record_id}.{self.version}"

    @classmethod
    def read(cls, text: str) -> "Ref":
        """Return what the text says, or an empty Ref where it is not one of ours."""
        match text.split("."):
            case [team_id, record_id, version] if version.isdecimal() and len(version) < 10:
                return cls(team_id, record_id, int(version))
        return cls()

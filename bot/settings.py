"""Settings from the environment, `.env` and files of secrets. One that is wrong ends the start with a sentence."""

import os
import re
from collections.abc import Collection
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.public_addresses import networks
from bot.ses.bulk_send import CALL_BYTES
from bot.teams.policy import NO_POLICY, Policy, PolicyError
from storage import Secret


class OpsChannel(NamedTuple):
    """The channel that hears of every team."""

    workspace: str
    channel_id: str


class SettingsError(Exception):
    """One sentence for the person who starts Mailroom: which setting, and how to mend it."""


_UNFILLED = {"xoxb-", "xapp-"}  # as .env.example has the tokens


def _secret(value: object) -> object:
    if not isinstance(value, str):
        return value
    return Secret("" if value.strip() in _UNFILLED else value.strip())


_WORKSPACE = re.compile(r"[TE][A-Z0-9]+")
_OPS_CHANNEL = re.compile(r"T[A-Z0-9]+/C[A-Z0-9]+")
COMPOSE_SECRETS = "/run/secrets"

_OF_SLACK_CLI = {"SLACK_CLI_XOXB": "SLACK_BOT_TOKEN", "SLACK_CLI_XAPP": "SLACK_APP_TOKEN"}
"""What `slack run` gives to what it starts (https://docs.slack.dev/tools/slack-cli/reference/hooks)."""

_HOST_AND_PORT = re.compile(r"[0-9a-fA-F.:]+:[0-9]{1,5}")

SecretSetting = Annotated[Secret, BeforeValidator(_secret), PlainSerializer(str)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
    )

    slack_bot_token: SecretSetting = Secret("")
    slack_app_token: SecretSetting = Secret("")
    slack_signing_secret: SecretSetting = Secret("")
    slack_client_id: str = ""
    slack_client_secret: SecretSetting = Secret("")
    mailroom_workspaces: str = ""  # or organizations, which may install; empty: any
    slack_api_url: str = "https://slack.com/api/"
    database_url: str = "sqlite+aiosqlite:///mailroom.db"
    mailroom_keys: SecretSetting = Secret("")
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=3000, ge=0, le=65535)
    mailroom_poll_pending_seconds: float = Field(default=60, gt=0)
    mailroom_poll_review_seconds: float = Field(default=300, gt=0)
    mailroom_poll_healthy_seconds: float = Field(default=600, gt=0)
    mailroom_small_broadcast_limit: int = Field(default=50, ge=1)
    mailroom_test_limit: int = Field(default=50, ge=1, le=50)
    mailroom_undo_seconds: float = Field(default=30, ge=0)
    mailroom_call_bytes: int = Field(default=CALL_BYTES, ge=200_000, le=40_000_000)  # SES takes 40 MB a mail
    mailroom_role_template_url: str = ""
    mailroom_proxies: int = Field(default=0, ge=0, le=10)  # reverse proxies of ours in front of HOST and PORT
    mailroom_drain_seconds: float = Field(default=0, ge=0, le=60)  # from SIGTERM until no request is taken any more
    mailroom_dns_server: str = ""  # host:port; empty: the system's
    mailroom_suppression_journal: str = ""  # path; a * in it stands for the process
    mailroom_ops_channel: str = ""  # T…/C…: hears of every team
    mailroom_policy_file: str = ""  # TOML: what holds for all teams
    mailroom_webhook_networks: str = ""  # private ones that webhooks may reach
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    @cached_property
    def socket_mode(self) -> bool:
        """Socket Mode wherever there is an app token, whatever else is set."""
        return bool(self.slack_app_token)

    @cached_property
    def by_oauth(self) -> bool:
        """Many workspaces, which install the app themselves."""
        return bool(self.slack_client_id)

    @cached_property
    def may_install(self) -> frozenset[str]:
        """The ids of workspaces and organizations; empty: any."""
        return frozenset(part.strip() for part in self.mailroom_workspaces.split(",") if part.strip())

    @property
    def ops_channel(self) -> OpsChannel | None:
        return OpsChannel(*self.mailroom_ops_channel.split("/")) if self.mailroom_ops_channel else None

    @cached_property
    def policy(self) -> Policy:
        """What holds for all teams. Raises PolicyError."""
        return Policy.read(self.mailroom_policy_file) if self.mailroom_policy_file else NO_POLICY


def load() -> Settings:
    """Read and check the settings; what `.env` says to botocore goes into the environment, where botocore looks.

    Raises:
        SettingsError: with one sentence, which never holds a value.
    """
    for name, ours in _OF_SLACK_CLI.items():
        if os.environ.get(name) and not os.environ.get(ours):
            os.environ[ours] = os.environ[name]  # before what .env says, which may be of another app
    try:
        settings = Settings(_secrets_dir=_secret_folders())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]).upper()
        raise SettingsError(f"{name} cannot be used: {first['msg']}. Mend it in .env or the environment.") from None
    check(settings)
    for name, value in dotenv_values(".env").items():
        if name.startswith("AWS_") and value:
            os.environ.setdefault(name, value)
    return settings


def _secret_folders() -> list[str]:
    """Return where a file named as a setting holds its value: Compose's secrets, systemd's LoadCredential=."""
    found = (COMPOSE_SECRETS, os.environ.get("CREDENTIALS_DIRECTORY", ""))
    return [folder for folder in found if folder and Path(folder).is_dir()]


def check(settings: Settings) -> None:
    """Refuse what is missing or contradicts itself."""
    _check_slack(settings)
    if settings.database_url.startswith("postgresql") and not settings.mailroom_keys:
        raise SettingsError(
            "MAILROOM_KEYS is missing: with PostgreSQL the sealing keys must be given. "
            "Make one with: python app.py new-key"
        )
    if settings.public_url and not is_address(settings.public_url, paths={"", "/"}):
        raise SettingsError(
            "PUBLIC_URL must be the https address of this service, without a path "
            "(http is taken for a loopback address only)."
        )
    if settings.mailroom_dns_server and not _HOST_AND_PORT.fullmatch(settings.mailroom_dns_server):
        raise SettingsError("MAILROOM_DNS_SERVER must be host:port, the host as an IP address; leave it out as a rule.")
    try:
        networks(settings.mailroom_webhook_networks)
    except ValueError:
        raise SettingsError(
            "MAILROOM_WEBHOOK_NETWORKS must be IP addresses or networks with commas between, such as 10.1.0.0/16; "
            "leave it out as a rule."
        ) from None
    _check_policy(settings)
    if settings.mailroom_ops_channel and not _OPS_CHANNEL.fullmatch(settings.mailroom_ops_channel):
        raise SettingsError(
            "MAILROOM_OPS_CHANNEL must be the ids of a workspace and a channel of it, as T…/C…: they are in the "
            "address of the channel in a browser."
        )
    if settings.mailroom_role_template_url and not settings.mailroom_role_template_url.startswith("https://"):
        raise SettingsError(
            "MAILROOM_ROLE_TEMPLATE_URL must be the https address of the role template in S3: "
            "put there what `python app.py role-template` prints."
        )


def _check_policy(settings: Settings) -> None:
    try:
        policy = settings.policy
    except PolicyError as error:
        raise SettingsError(f"MAILROOM_POLICY_FILE cannot be used: {error}.") from None
    if policy.require_one_click and not settings.public_url:
        raise SettingsError(
            "PUBLIC_URL is missing: MAILROOM_POLICY_FILE wants one-click unsubscribe in every broadcast "
            "(require_one_click), whose links lead there."
        )


def _check_slack(settings: Settings) -> None:
    bot, app = settings.slack_bot_token.reveal(), settings.slack_app_token.reveal()
    _check_oauth(settings)
    if not bot and not settings.by_oauth:
        raise SettingsError(
            "SLACK_BOT_TOKEN is missing: copy the Bot User OAuth Token (it begins with xoxb-) from "
            "*OAuth & Permissions* of the Slack app into .env, or set SLACK_CLIENT_ID for many workspaces."
        )
    if bot and not bot.startswith("xoxb-"):
        raise SettingsError("SLACK_BOT_TOKEN is not a bot token: it must begin with xoxb-.")
    if app and not app.startswith("xapp-"):
        raise SettingsError("SLACK_APP_TOKEN is not an app-level token: it must begin with xapp-.")
    if not is_address(settings.slack_api_url):
        raise SettingsError(
            "SLACK_API_URL must be the https address of Slack's Web API: leave it out for Slack's own "
            "(http is taken for a loopback address only)."
        )
    if not app and not settings.slack_signing_secret:
        raise SettingsError(
            "SLACK_APP_TOKEN and SLACK_SIGNING_SECRET are both missing: set the first for Socket Mode "
            "(no public address needed), or the second for HTTP mode."
        )


def _check_oauth(settings: Settings) -> None:
    """Refuse half of what many workspaces need."""
    if settings.by_oauth != bool(settings.slack_client_secret):
        missing = "SLACK_CLIENT_SECRET" if settings.by_oauth else "SLACK_CLIENT_ID"
        raise SettingsError(
            f"{missing} is missing: with many workspaces both are needed, from *Basic Information* of the Slack app; "
            "with one, neither is."
        )
    if settings.by_oauth and not settings.public_url:
        raise SettingsError(
            "PUBLIC_URL is missing: with SLACK_CLIENT_ID people install the app at PUBLIC_URL/slack/install, in Socket "
            "Mode too."
        )
    if settings.mailroom_workspaces and not settings.by_oauth:
        raise SettingsError(
            "MAILROOM_WORKSPACES says who may install, which needs SLACK_CLIENT_ID: set it, or leave both out."
        )
    if not all(_WORKSPACE.fullmatch(one) for one in settings.may_install):
        raise SettingsError(
            "MAILROOM_WORKSPACES must be ids of workspaces (T…) or organizations (E…) with commas between; leave it "
            "out to let any workspace install."
        )


def is_address(url: str, paths: Collection[str] = ()) -> bool:
    """Tell an https address, or an http one of this machine; `paths`: the only ones it may have, where given."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.username or parts.query or parts.fragment or not parts.hostname or (paths and parts.path not in paths):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

"""The AWS account in one's hands: every button of the panel, by the name under which the page posts it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp

from tests.playground.aws import Fault, Key, Mail, Role, Ses
from tests.playground.stage import ACCOUNT, OWN_ACCOUNT, Stage

Form = Mapping[str, Any]
Switch = Callable[["Account", Form], Awaitable[None] | None]
OPTIONAL = {"sns": "SNS", "sqs": "SQS"}
FAULTS = {
    "throttle": ("AWS throttles every call", "*", "throttle"),
    "outage": ("AWS answers 503", "*", "unavailable"),
    "lose": ("AWS sends, but the answers to SendEmail are lost", "ses:SendEmail", "close_after"),
}


class Account:
    """The account that the page flips. The region shown is the one used last, until somebody chooses another."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.aws = stage.aws
        self.key: Key = self.aws.create_key(ACCOUNT)
        self.denied: set[str] = set()
        self.role: Role | None = None
        self.region = ""
        self.faults: dict[str, Fault] = {}

    @property
    def regions(self) -> list[str]:
        return [ses.region for ses in self.aws.every_ses() if ses.account == ACCOUNT]

    @property
    def ses(self) -> Ses:
        return self.aws.ses(ACCOUNT, self.region or self.regions[-1])

    @property
    def key_works(self) -> bool:
        found = self.aws.directory.find(self.key.access_key_id)
        return found is not None and found.active

    def mail(self, form: Form) -> Mail:
        return next(mail for mail in self.aws.mails if mail.message_id == form["mail"])


def _region(account: Account, form: Form) -> None:
    account.region = form["region"]


def _new_key(account: Account, _form: Form) -> None:
    account.key = account.aws.create_key(ACCOUNT)
    _permit(account)


def _permissions(account: Account, form: Form) -> None:
    account.denied = {service for service in OPTIONAL if service not in form}
    _permit(account)


def _permit(account: Account) -> None:
    account.aws.set_permissions(account.key, deny=[f"{service}:*" for service in account.denied])


def _role(account: Account, form: Form) -> None:
    if account.role:
        account.aws.delete_role(account.role)
    external_id = form["external_id"].strip() or None
    account.role = account.aws.create_role(ACCOUNT, external_id=external_id, trusted=OWN_ACCOUNT)


def _delete_role(account: Account, _form: Form) -> None:
    if account.role:
        account.aws.delete_role(account.role)
        account.role = None


def _verify(account: Account, form: Form) -> None:
    account.ses.verify(form["identity"])


def _fail(account: Account, form: Form) -> None:
    account.ses.fail(form["identity"], "HOST_NOT_FOUND")


def _vanish(account: Account, form: Form) -> None:
    account.ses.vanish(form["identity"])


def _publish(account: Account, form: Form) -> None:
    account.stage.dns.records_from(account.ses.identities[form["identity"]])


def _quota(account: Account, form: Form) -> None:
    account.ses.set_quota(float(form["max_24h"]), float(form["rate"]), int(form["sent"]))


def _enforcement(account: Account, form: Form) -> None:
    account.ses.enforcement(form["status"])


def _fault(account: Account, form: Form) -> None:
    _, operation, how = FAULTS[form["fault"]]
    if planted := account.faults.pop(form["fault"], None):
        account.aws.heal(planted)
    else:
        account.faults[form["fault"]] = account.aws.fail(operation, how, None)


async def _unsubscribe(account: Account, form: Form) -> None:
    """One click, as a mail program does it (RFC 8058)."""
    url = account.mail(form).headers["List-Unsubscribe"].strip("<>")
    async with aiohttp.ClientSession() as http, http.post(url, data={"List-Unsubscribe": "One-Click"}) as answer:
        answer.raise_for_status()


def _happens(account: Account, form: Form) -> None:
    account.aws.happens(account.mail(form), form["event"])


async def _kill(account: Account, _form: Form) -> None:
    await account.stage.bot.kill()


async def _start(account: Account, _form: Form) -> None:
    await account.stage.bot.start()
    await account.stage.slack.connected()


SWITCHES: dict[str, Switch] = {
    "region": _region,
    "new-key": _new_key,
    "revoke": lambda account, _: account.aws.revoke(account.key),
    "restore": lambda account, _: account.aws.restore(account.key),
    "permissions": _permissions,
    "role": _role,
    "delete-role": _delete_role,
    "verify": _verify,
    "fail": _fail,
    "vanish": _vanish,
    "publish": _publish,
    "grant": lambda account, _: account.ses.grant_production(quota=1_000, rate=50),
    "deny": lambda account, _: account.ses.deny_production(),
    "pause": lambda account, _: account.ses.pause(),
    "resume": lambda account, _: account.ses.resume(),
    "enforcement": _enforcement,
    "quota": _quota,
    "fault": _fault,
    "unsubscribe": _unsubscribe,
    "happens": _happens,
    "kill": _kill,
    "start": _start,
}

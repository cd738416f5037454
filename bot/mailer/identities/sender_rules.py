"""What large receivers require of senders: SPF, DKIM, DMARC, one-click unsubscribe, few complaints.

Gmail (https://support.google.com/a/answer/81126), Yahoo (https://senders.yahooinc.com/best-practices/) and Outlook want
DMARC and one-click unsubscribe of those who mail more than 5,000 of their users in a day, and the rest of everybody.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlmodel import col, select

from bot.mailer.identities.dmarc import Dmarc, find_dmarc
from bot.mailer.identities.dns_lookup import Lookup, NoAnswerError
from bot.mailer.identities.dns_records import Found, RecordCheck, look_up
from bot.mailer.identity_records import DKIM, MAIL_FROM, Record, dmarc_record, records_of
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.facts import managed_of
from bot.mailer.monitoring.incident_rules import reconcile_incidents
from bot.mailer.monitoring.reputation_limits import Level, Rates, rates_of
from storage import SENDABLE, Database, DmarcState, Identity, IdentityKind, Mailer, Team, leases

PATIENCE: Final = 2.0
"""Seconds that somebody who looks waits for name servers; a form that is opened has three."""

_AT_ONCE: Final = 10
_ASK_AGAIN: Final = timedelta(hours=1)
"""After name servers that did not answer."""


class Verdict(StrEnum):
    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: whether it is met, why, and the records that are to be published."""

    name: str
    verdict: Verdict
    why: str
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class SenderRulesReport:
    """How a mailer keeps the rules: each identity that sends, and what holds for all of them."""

    of_identities: Sequence[tuple[Identity, Sequence[Rule]]]
    of_mailer: Sequence[Rule]
    left_out: int = 0  # identities that send, and were not looked at


class SenderRules:
    """Looks when somebody wants to know; as a job (periodic_jobs.py) once a day, and when an identity is verified."""

    def __init__(self, db: Database, mailers: Mailers, lookup: Lookup, *, one_click: bool) -> None:
        """`one_click`: recipients can unsubscribe by a link."""
        self._db = db
        self._mailers = mailers
        self._lookup = lookup
        self._one_click = one_click

    async def look(self, team: Team, most: int) -> SenderRulesReport:
        """Look at up to so many identities now, and keep what was found.

        Raises:
            BotError: NO_MAILER.
        """
        mailer = await self._mailers.require(team)
        async with self._db.read() as session:
            managed = await managed_of(session, mailer.id)
        rows = sorted((row for row in managed if row.state in SENDABLE), key=lambda row: row.name)
        lookup = _Patient(self._lookup)
        found = await asyncio.gather(*(self._look_at(row, mailer, lookup) for row in rows[:most]))
        await self._keep(mailer, {row.id: dmarc for row, (dmarc, _) in zip(rows, found, strict=False)})
        of_identities = [
            (row, (spf_rule(row, findings), dkim_rule(row, findings), dmarc_rule(row, dmarc)))
            for row, (dmarc, findings) in zip(rows, found, strict=False)
        ]
        of_mailer = one_click_rule(one_click=self._one_click), complaint_rule(rates_of(mailer, self._db.now()))
        return SenderRulesReport(of_identities, of_mailer, max(0, len(rows) - most))

    async def refresh(self, mailer: Mailer, name: str) -> None:
        """Look for the DMARC policy of one identity, for somebody who is about to send from it."""
        named = select(Identity).where(Identity.mailer_id == mailer.id, Identity.name == name)
        async with self._db.read() as session:
            row = (await session.exec(named)).first()
        if row is not None:
            await self._keep(mailer, {row.id: await _dmarc_of(row, _Patient(self._lookup))})

    async def __call__(self, claim: leases.Claim, mailer: Mailer) -> None:
        async with self._db.read() as session:
            rows = [row for row in await managed_of(session, mailer.id) if row.state in SENDABLE]
        found: dict[str, Dmarc | None] = {}
        for at in range(0, len(rows), _AT_ONCE):
            some = rows[at : at + _AT_ONCE]
            policies = await asyncio.gather(*(_dmarc_of(row, self._lookup) for row in some))
            found |= {row.id: dmarc for row, dmarc in zip(some, policies, strict=True)}
        await self._keep(mailer, found)
        async with self._db.write() as session:
            if None in found.values():
                await leases.finish(session, claim, session.now + _ASK_AGAIN)
            else:  # the walk through every permission has it done again, in a day
                await leases.end(session, claim)

    async def _look_at(
        self, row: Identity, mailer: Mailer, lookup: Lookup
    ) -> tuple[Dmarc | None, Sequence[RecordCheck]]:
        records = [record for record in records_of(row, mailer.region) if record.purpose in {DKIM, MAIL_FROM}]
        dmarc, findings = await asyncio.gather(_dmarc_of(row, lookup), look_up(records, lookup))
        return dmarc, findings

    async def _keep(self, mailer: Mailer, found: dict[str, Dmarc | None]) -> None:
        """Write down what each identity has, by its id; None: its name servers did not answer."""
        async with self._db.write() as session:
            mailer = await self._mailers.lock(session, mailer.id)
            looked_at = select(Identity).where(col(Identity.id).in_(found)).order_by(Identity.id).with_for_update()
            for row in await session.exec(looked_at):
                record_dmarc(row, found[row.id], session.now)
                session.add(row)
            await session.flush()
            await reconcile_incidents(session, mailer, await managed_of(session, mailer.id), session.now)


def record_dmarc(row: Identity, dmarc: Dmarc | None, now: datetime) -> None:
    """Write down what a look found: silence changes nothing about what was found or missed before."""
    if dmarc is None:
        row.dmarc = DmarcState.UNKNOWN
    elif dmarc.is_found:
        row.dmarc, row.dmarc_found_at, row.dmarc_missing_since = DmarcState.FOUND, now, None
    else:
        row.dmarc, row.dmarc_missing_since = DmarcState.MISSING, row.dmarc_missing_since or now


def spf_rule(row: Identity, findings: Sequence[RecordCheck]) -> Rule:
    """Whether SPF passes: SES's own MAIL FROM always does, and speaks for amazonses.com alone."""
    ours = [finding for finding in findings if finding.record.purpose == MAIL_FROM]
    if not ours:
        return Rule("SPF", Verdict.MET, "Mail leaves by amazonses.com, whose SPF record lets Amazon SES in.")
    if wrong := _to_publish(ours):
        why = f"{row.mail_from_domain} lacks what makes it the MAIL FROM of your mail{_reasons(ours)}."
        return Rule("SPF", Verdict.NOT_MET, why, wrong)
    if any(finding.found is Found.UNKNOWN for finding in ours):
        return Rule("SPF", Verdict.UNKNOWN, f"The name servers of {row.mail_from_domain} do not answer.")
    return Rule("SPF", Verdict.MET, f"{row.mail_from_domain} lets Amazon SES in.")


def dkim_rule(row: Identity, findings: Sequence[RecordCheck]) -> Rule:
    """Whether SES signs with the domain of From."""
    if row.kind is IdentityKind.ADDRESS:
        domain = row.name.rpartition("@")[2]
        why = f"Only amazonses.com signs what is sent from an address: add {domain} as an identity, if it is yours."
        return Rule("DKIM", Verdict.NOT_MET, why)
    ours = [finding for finding in findings if finding.record.purpose == DKIM]
    if wrong := _to_publish(ours):
        return Rule("DKIM", Verdict.NOT_MET, f"Receivers do not find the keys of {row.name}{_reasons(ours)}.", wrong)
    if any(finding.found is Found.UNKNOWN for finding in ours):
        return Rule("DKIM", Verdict.UNKNOWN, f"The name servers of {row.name} do not answer.")
    if not _signs(row):
        return Rule("DKIM", Verdict.NOT_MET, f"AWS does not sign for {row.name} yet: it has not found the keys.")
    return Rule("DKIM", Verdict.MET, f"AWS signs with keys of {row.name}.")


def dmarc_rule(row: Identity, dmarc: Dmarc | None) -> Rule:
    """Whether every receiver finds a policy, and mail that SES sends keeps it."""
    domain = row.name.rpartition("@")[2]
    if dmarc is None:
        return Rule("DMARC", Verdict.UNKNOWN, f"The name servers of {domain} do not answer.")
    if not dmarc.is_found:
        return Rule("DMARC", Verdict.NOT_MET, _why_no_policy(dmarc), () if dmarc.several else (dmarc_record(domain),))
    where = f"p={dmarc.policy}, of {dmarc.stands_at}"
    by_dkim = _signs(row) and dmarc.is_aligned(row.name)
    by_spf = row.mail_from_status == "SUCCESS" and dmarc.is_aligned(row.mail_from_domain, spf=True)
    if not (by_dkim or by_spf):
        why = f"There is a policy ({where}), but mail fails it: neither DKIM nor MAIL FROM is of {domain}."
        return Rule("DMARC", Verdict.NOT_MET, why)
    ways = " and ".join([*(["DKIM"] if by_dkim else []), *(["MAIL FROM"] if by_spf else [])])
    return Rule("DMARC", Verdict.MET, f"There is a policy ({where}), and mail keeps it by {ways}.")


def one_click_rule(*, one_click: bool) -> Rule:
    why = (
        "Every broadcast carries the headers of RFC 8058."
        if one_click
        else "This Mailroom has no public address, so people unsubscribe by mail: its operator can set PUBLIC_URL."
    )
    return Rule("One-click unsubscribe", Verdict.MET if one_click else Verdict.NOT_MET, why)


def complaint_rule(rates: Rates) -> Rule:
    share = 100 * rates.complaints / rates.sent if rates.sent else 0.0
    told = f"{rates.complaints:,} of {rates.sent:,} mails in the last 24 hours drew a complaint ({share:.2g} %)."
    verdict = Verdict.NOT_MET if rates.complaint_level is Level.STOP else Verdict.MET
    return Rule("Complaints below 0.3 %", verdict, told if rates.sent else "No mail in the last 24 hours.")


class _Patient:
    """A lookup that takes somebody's time, and no more than they have."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def __call__(self, name: str, kind: str) -> Sequence[str]:
        try:
            return await asyncio.wait_for(self._lookup(name, kind), PATIENCE)
        except TimeoutError:
            raise NoAnswerError(name) from None


async def _dmarc_of(row: Identity, lookup: Lookup) -> Dmarc | None:
    try:
        return await find_dmarc(row.name.rpartition("@")[2], lookup)
    except NoAnswerError:
        return None


def _signs(row: Identity) -> bool:
    return row.kind is IdentityKind.DOMAIN and row.dkim_status == "SUCCESS"


def _to_publish(findings: Sequence[RecordCheck]) -> tuple[Record, ...]:
    return tuple(each.record for each in findings if each.found in {Found.MISSING, Found.WRONG})


def _reasons(findings: Sequence[RecordCheck]) -> str:
    reasons = [finding.why[0].lower() + finding.why[1:] for finding in findings if finding.why]
    return f": {'; '.join(reasons)}" if reasons else ""


def _why_no_policy(dmarc: Dmarc) -> str:
    if dmarc.several:
        return f"There are several records of {dmarc.several}, so that none counts: put them into one."
    if dmarc.walked.policy is not None:
        return "Receivers that go by the list of public suffixes (RFC 7489) find no policy; others (RFC 9989) find one."
    if dmarc.listed.policy is not None:
        return "Receivers that walk up the names (RFC 9989) find no policy; others (RFC 7489) find one."
    return f"No receiver finds a policy for {dmarc.domain}."

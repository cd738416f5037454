"""The DMARC policy of a domain, as receivers look it up.

Two ways are in use. RFC 9989 (section 4.10) walks up the names above the domain; RFC 7489 (section 6.6.3) knows the
domain that somebody registered from the public suffix list. They may come to two answers, and no sender knows which
way a receiver goes: what counts here is what holds for both.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Final

from publicsuffixlist import PublicSuffixList

from bot.mailer.identities.dns_lookup import Lookup, NoAnswerError

_LONGEST_WALK: Final = 7
"""Labels of the longest name above the domain that is asked for (RFC 9989, section 4.10)."""

Answers = Mapping[str, Sequence[str] | None]
"""The DMARC records that stand at each domain; None: its name servers did not answer."""


class Policy(IntEnum):
    """What receivers are asked to do with mail that fails, the least strict first."""

    NONE = 0
    QUARANTINE = 1
    REJECT = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A record that says what to do; tags that are not known are ignored.

    Attributes:
        below: what holds for subdomains, where it says so.
        strict_dkim: the domain of the signature must be the very domain of From; else the organisation's is enough.
        strict_spf: the same of MAIL FROM's.
        psd: `y` where it is a public suffix's own, `n` where it is the organisation's, else empty.
    """

    policy: Policy
    below: Policy | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one way of looking it up comes to. `organization` is the domain of the organisation."""

    organization: str
    policy: Policy | None = None  # None: no DMARC
    record: DmarcRecord | None = None
    stands_at: str = ""  # the domain that has the record
    several: str = ""  # a domain that has more than one, so that none counts

    def aligns(self, sender: str, domain: str, *, strict: bool) -> bool:
        """Whether a signature's or MAIL FROM's domain speaks for a From at `sender`."""
        if sender == domain:
            return True
        return not strict and f".{domain}".endswith(f".{self.organization}")


@dataclass(frozen=True, slots=True)
class Dmarc:
    """Both readings of a domain's DMARC."""

    domain: str
    walked: Reading  # RFC 9989
    listed: Reading  # RFC 7489

    @property
    def readings(self) -> tuple[Reading, Reading]:
        return self.walked, self.listed

    @property
    def is_found(self) -> bool:
        """Whether every receiver finds a policy."""
        return all(reading.policy is not None for reading in self.readings)

    @property
    def policy(self) -> Policy | None:
        """The stricter policy, of those that are found."""
        return max((reading.policy for reading in self.readings if reading.policy is not None), default=None)

    @property
    def stands_at(self) -> str:
        """The domain that has the record of the stricter policy."""
        found = [reading for reading in self.readings if reading.policy is not None]
        return max(found, key=lambda reading: reading.policy or 0).stands_at if found else ""

    @property
    def several(self) -> str:
        return self.walked.several or self.listed.several

    def is_aligned(self, domain: str, *, spf: bool = False) -> bool:
        """Whether every receiver takes this domain, of a signature or of MAIL FROM, as speaking for the domain."""
        return all(_aligns(reading, self.domain, domain, spf=spf) for reading in self.readings)


async def find_dmarc(domain: str, lookup: Lookup) -> Dmarc:
    """Look a domain's DMARC up.

    Raises:
        NoAnswerError: name servers that had to be asked did not answer.
    """
    domain = domain.lower()
    names = list(dict.fromkeys([*_walk(domain), organization_of(domain)]))

    async def records_at(name: str) -> Sequence[str] | None:
        try:
            return [text for text in await lookup(f"_dmarc.{name}", "TXT") if is_dmarc(text)]
        except NoAnswerError:
            return None

    answers = dict(zip(names, await asyncio.gather(*map(records_at, names)), strict=True))
    return read_dmarc(domain, answers)


def read_dmarc(domain: str, answers: Answers) -> Dmarc:
    """Return both readings of what stands in the DNS.

    Raises:
        NoAnswerError: a name that counts has no answer.
    """
    return Dmarc(domain, _by_walk(domain, answers), _by_list(domain, answers))


def is_dmarc(text: str) -> bool:
    """Whether a text record is meant as DMARC, whatever it then says."""
    return _tags(text) is not None


def parse_dmarc(text: str) -> DmarcRecord | None:
    """Return the record; None where the text is none, or asks for nothing.

    Without a policy that is one it counts as `p=none`, where it asks for reports (RFC 9989, section 4.7; RFC 7489,
    section 6.6.3).
    """
    tags = _tags(text)
    if tags is None:
        return None
    policy = _policy(tags.get("p"))
    if policy is None:
        if not tags.get("rua", "").startswith("mailto:"):
            return None
        policy = Policy.NONE
    return DmarcRecord(
        policy,
        _policy(tags.get("sp")),
        strict_dkim=tags.get("adkim") == "s",
        strict_spf=tags.get("aspf") == "s",
        psd=tags.get("psd", "") if tags.get("psd") in {"y", "n"} else "",
    )


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # the list that the package has in it; reading it takes a moment


def organization_of(domain: str) -> str:
    """Return the domain that somebody registered, by the public suffix list; a suffix is its own."""
    return _suffixes().privatesuffix(domain) or domain


def _walk(domain: str) -> list[str]:
    """Return the domain and the names above it that are asked for, the longest first."""
    labels = domain.split(".")
    longest = min(len(labels) - 1, _LONGEST_WALK)
    return [domain, *(".".join(labels[-count:]) for count in range(longest, 0, -1))]


def _by_walk(domain: str, answers: Answers) -> Reading:
    """RFC 9989, sections 4.10.1 and 4.10.2."""
    found: dict[str, DmarcRecord] = {}
    organization, several = "", ""
    walk = _walk(domain)
    for at, name in enumerate(walk):
        texts = () if domain in found and answers[name] is None else _answered(answers, name)  # its policy is known
        record = parse_dmarc(texts[0]) if len(texts) == 1 else None  # of several none counts
        several = several or (name if len(texts) > 1 else "")
        if record is None:
            continue
        found[name] = record
        if record.psd == "n":
            organization = name
        elif record.psd == "y":
            organization = walk[at - 1] if at else name
        if record.psd:
            break
    shortest = [name for name in found if found[name].psd != "y"][-1:]
    organization = organization or next(iter(shortest), domain)
    suffix = next((name for name in found if found[name].psd == "y"), "")
    for name in (domain, organization, suffix):
        if name in found:
            return _reading(domain, organization, name, found[name])
    return Reading(organization, several=several)


def _by_list(domain: str, answers: Answers) -> Reading:
    """RFC 7489, section 6.6.3: at the domain, else at the organisation's; of several records none counts."""
    organization = organization_of(domain)
    for name in dict.fromkeys((domain, organization)):
        texts = _answered(answers, name)
        if len(texts) > 1:
            return Reading(organization, several=name)
        if texts:
            record = parse_dmarc(texts[0])
            return _reading(domain, organization, name, record) if record else Reading(organization)
    return Reading(organization)


def _reading(domain: str, organization: str, name: str, record: DmarcRecord) -> Reading:
    policy = record.policy if name == domain or record.below is None else record.below
    return Reading(organization, policy, record, name)


def _aligns(reading: Reading, sender: str, domain: str, *, spf: bool) -> bool:
    record = reading.record
    strict = record is not None and (record.strict_spf if spf else record.strict_dkim)
    return reading.aligns(sender, domain, strict=strict)


def _answered(answers: Answers, name: str) -> Sequence[str]:
    texts = answers[name]
    if texts is None:
        raise NoAnswerError(name)
    return texts


def _policy(text: str | None) -> Policy | None:
    return Policy[text.upper()] if text in {"none", "quarantine", "reject"} else None


def _tags(text: str) -> dict[str, str] | None:
    """Return the tags of a DMARC record; None where the text is not one, whose first tag is its version."""
    first, *rest = (tag.partition("=") for tag in text.split(";"))
    if first[0].strip().lower() != "v" or first[2].strip() != "DMARC1":
        return None
    return {name.strip().lower(): value.strip().lower() for name, _, value in rest}

"""What a person types as an address or identity, in the one form in which Mailroom keeps it.

Domains are lower case and punycode, local parts stay as typed. SES takes no SMTPUTF8, so a local part is ASCII
(https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html).
"""

import ipaddress
import re
from collections.abc import Sequence

import email_validator
from email_validator import EmailNotValidError, validate_email

from bot.address_extraction import addresses_in, bare
from bot.errors import BotError, Code

# The library's documented switch: reserved names such as *.test and *.invalid are left to SES, and to the DNS.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
# The form of nearly every address in a CSV. Up to 64 characters it needs no further check, and is its own normal form;
# all others are the library's to decide, which takes 40 times longer. Nothing in it is tried in a second way (`++`).
PLAIN_ADDRESS = rf"(?!'){_ATOM}(?:\.{_ATOM})*+@(?:[a-z0-9]++(?:-[a-z0-9]++)*+\.)++[a-z]{{2,}}+"
is_plain_address = re.compile(PLAIN_ADDRESS).fullmatch
"""Whether an address of up to `LOCAL_LIMIT` characters is its own normal form, in which case its key is `lower()`."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_ENTRY = re.compile(r'(?:"[^"\n]*"|[^,;\n])+')  # a name in quotes may hold a comma

ADDRESS_LIMIT, LOCAL_LIMIT, DOMAIN_LIMIT, LABEL_LIMIT = 254, 64, 253, 63


class AddressCode(Code):
    """Why an address or an identity is not taken as typed."""

    ADDRESS_INVALID = "ADDRESS_INVALID"
    TOO_MANY_ADDRESSES = "TOO_MANY_ADDRESSES"
    IDENTITY_INVALID = "IDENTITY_INVALID"


class InvalidNameError(ValueError):
    """A name that SES would not take; `why` continues the sentence that names it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def shown(value: str, limit: int = 80) -> str:
    """Return text that somebody else wrote, without control characters and cut, fit for one of our sentences."""
    clean = _CONTROL.sub(" ", value).strip()
    return clean if len(clean) <= limit else f"{clean[: limit - 1]}…"


def address_in(text: str) -> str:
    """Return the one address in a text in its normal form, without what stands around it (`bare`).

    Raises:
        InvalidNameError: there is none, or more than one.
    """
    if len(text) <= LOCAL_LIMIT and is_plain_address(text):
        return text
    found = bare(text)
    if (several := addresses_in(found)) > 1:
        raise InvalidNameError(f"has {'two' if several == 2 else several} addresses in it: type one alone")
    return normal_address(found)


def normal_address(text: str) -> str:
    """Return one bare address in its normal form, or raise `InvalidNameError`."""
    if len(text) <= LOCAL_LIMIT and is_plain_address(text):
        return text
    _refuse_unfit_characters(text)
    local, domain = _parts(text)
    if not local.isascii():
        raise InvalidNameError("has letters before the @ that Amazon SES does not take: use plain English letters")
    if len(local) > LOCAL_LIMIT:
        raise InvalidNameError(f"has more than {LOCAL_LIMIT} characters before the @: use a shorter one")
    domain = normal_domain(domain)
    if len(local) + 1 + len(domain) > ADDRESS_LIMIT:
        raise InvalidNameError(f"is longer than {ADDRESS_LIMIT} characters: use a shorter one")
    return f"{local}@{domain}" if _library_takes(local, domain) else _refuse_address()


def _parts(text: str) -> tuple[str, str]:
    """Return what stands before and after the one @."""
    local, at, domain = text.rpartition("@")
    if not at:
        raise InvalidNameError("has no @: type it in full, like news@example.com")
    if "@" in local:
        raise InvalidNameError("has two @ in it: type one address, like news@example.com")
    if "<" in text or ">" in text:
        raise InvalidNameError("has an angle bracket in it: type the address alone, like news@example.com")
    if not local:
        raise InvalidNameError("has nothing before the @: type it in full, like news@example.com")
    if not domain:
        raise InvalidNameError("has nothing after the @: type it in full, like news@example.com")
    if domain.endswith("."):
        raise InvalidNameError("has a dot at its end: take it out")
    return local, domain


def _refuse_address() -> str:
    raise InvalidNameError("is not an email address: check it for stray dots and signs")


def normal_domain(text: str) -> str:
    """Return a domain in lower case and punycode, or raise `InvalidNameError`."""
    _refuse_unfit_characters(text)
    if _is_ip_address(text):
        raise InvalidNameError("is an IP address: use a domain name, like example.com")
    if "*" in text:
        bare = shown(text.replace("*.", ""))
        raise InvalidNameError(f"has a wildcard: a domain covers its subdomains already, so type {bare}")
    if len(text) > DOMAIN_LIMIT:
        raise InvalidNameError(f"is longer than {DOMAIN_LIMIT} characters: check that it is a domain")
    if max(map(len, text.split("."))) > LABEL_LIMIT:
        raise InvalidNameError(f"has more than {LABEL_LIMIT} characters between two dots: check the domain")
    if not re.search(r"[.\u3002\uff0e\uff61]", text):  # UTS46 takes the other three for dots
        raise InvalidNameError("has no dot: type the whole domain, like example.com")
    try:
        checked = validate_email(f"x@{text}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidNameError("is not a domain: letters, digits, hyphens and dots only, like example.com") from None
    return str(checked.ascii_domain)


def _library_takes(local: str, domain: str) -> bool:
    try:
        validate_email(f"{local}@{domain}", allow_smtputf8=False, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def _refuse_unfit_characters(text: str) -> None:
    if "\n" in text or "\r" in text:
        raise InvalidNameError("has a line break in it: type it in one line")
    if _CONTROL.search(text):
        raise InvalidNameError("has invisible characters in it: type it by hand")
    if any(character.isspace() for character in text):
        raise InvalidNameError("has a space in it: take it out")


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.removeprefix("[").removesuffix("]").lower().removeprefix("ipv6:"))
    except ValueError:
        return False
    return True


def parse_address(typed: str, *, field: str = "address") -> str:
    """Return one typed address in its normal form.

    Raises:
        BotError: ADDRESS_INVALID, with a sentence that says what to do.
    """
    typed = typed.strip()
    if not typed:
        raise BotError(AddressCode.ADDRESS_INVALID, "Type an email address, like news@example.com.", field=field)
    try:
        return address_in(typed)
    except InvalidNameError as error:
        raise BotError(AddressCode.ADDRESS_INVALID, f"“{shown(typed)}” {error.why}.", field=field) from None


def parse_addresses(typed: str, *, field: str = "to", limit: int = 50) -> tuple[str, ...]:
    """Return a typed list of addresses (commas, semicolons or lines between them), without repeats.

    Raises:
        BotError: ADDRESS_INVALID, naming each bad one; TOO_MANY_ADDRESSES.
    """
    entries = [entry for part in _ENTRY.findall(typed) if (entry := part.strip()) and entry.strip(",;")]
    if not entries:
        raise BotError(AddressCode.ADDRESS_INVALID, "Type at least one address, like ann@example.com.", field=field)
    if len(entries) > limit:
        raise BotError(
            AddressCode.TOO_MANY_ADDRESSES,
            f"That is {len(entries)} addresses: take out {len(entries) - limit}.",
            field=field,
        )
    found: dict[str, str] = {}
    complaints: list[str] = []
    for entry in entries:
        try:
            address = address_in(entry)
        except InvalidNameError as error:
            complaints.append(f"“{shown(entry, 40)}” {error.why}.")
        else:
            found.setdefault(address_key(address), address)
    if complaints:
        raise BotError(AddressCode.ADDRESS_INVALID, " ".join(complaints), field=field)
    return tuple(found.values())


def parse_identity(typed: str) -> str:
    """Return a typed address or domain in its normal form, as the name of an identity.

    Raises:
        BotError: IDENTITY_INVALID, with a sentence that says what to do.
    """
    typed = bare(typed)
    try:
        return _identity(typed)
    except InvalidNameError as error:
        sentence = f"“{shown(typed)}” {error.why}." if typed else f"{error.why}."
        raise BotError(AddressCode.IDENTITY_INVALID, sentence, field="identity") from None


def _identity(typed: str) -> str:
    if not typed:
        raise InvalidNameError("Type an email address or a domain, like news@example.com or example.com")
    if addresses_in(typed) > 1:
        return address_in(typed)
    _refuse_unfit_characters(typed)
    if scheme := re.match(r"(?:[a-z][a-z0-9+.-]*:)?/+", typed, re.IGNORECASE):
        host = re.split(r"[/?#]", typed[scheme.end() :], maxsplit=1)[0].rpartition("@")[2]
        host = re.sub(r":\d*$", "", host)
        raise InvalidNameError(f"is a web link: type only {shown(host) or 'the domain, like example.com'}")
    if "/" in typed and "@" not in typed:
        raise InvalidNameError(f"has a path: type only {shown(typed.split('/', 1)[0]) or 'the domain'}")
    if typed.startswith("@"):
        raise InvalidNameError(f"has nothing before the @: for the whole domain type {shown(typed[1:]) or 'its name'}")
    if "@" in typed:
        return address_in(typed)
    return normal_domain(typed.removesuffix("."))


def address_key(address: str) -> str:
    """Return an address folded for comparison: two with the same key are the same recipient.

    Case is dropped everywhere; labels (`ann+news@…`) stay, since not every provider ignores them.
    """
    if address.isascii():
        return address.lower()
    local, _, domain = address.rpartition("@")
    try:
        return f"{local.lower()}@{normal_domain(domain)}"
    except InvalidNameError:
        return address.lower()


_SIMULATOR_DOMAIN = "simulator.amazonses.com"
_SIMULATOR_BOXES = frozenset({"success", "bounce", "ooto", "complaint", "suppressionlist"})


def is_simulator(address: str) -> bool:
    """Whether this is a box of SES's mailbox simulator, with or without a label.

    https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator
    """
    local, _, domain = address.lower().rpartition("@")
    return domain == _SIMULATOR_DOMAIN and local.partition("+")[0] in _SIMULATOR_BOXES


# Mail providers whose DMARC records ask to refuse or junk what their own servers have not sent, as SES has not
# (https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dmarc.html).
_FREEMAIL = re.compile(
    r"(?:gmail|googlemail|aol|icloud|me|mac|msn|live|mail|zoho|protonmail|fastmail|qq|163|126)\.com|comcast\.net"
    r"|(?:yahoo|ymail|outlook|hotmail|gmx|yandex)\.[a-z]{2,3}(?:\.[a-z]{2})?|web\.de|t-online\.de|mail\.ru|proton\.me"
)


def is_freemail(address: str) -> bool:
    """Whether the address is at a mail provider for everybody, from which SES cannot send so that it arrives."""
    return _FREEMAIL.fullmatch(address.rpartition("@")[2].lower()) is not None


def counts_toward_quota(address: str) -> bool:
    """Whether mail to this address uses up the daily quota: all but the simulator's does."""
    return not is_simulator(address)


def count_toward_quota(addresses: Sequence[str]) -> int:
    """Return how many of these count toward the quota."""
    if _SIMULATOR_DOMAIN not in "\n".join(addresses).lower():  # as in nearly every audience: a tenth of the time
        return len(addresses)
    return sum(map(counts_toward_quota, addresses))

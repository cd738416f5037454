"""Email addresses and identity names as SES reads them."""

from __future__ import annotations

import re
from email.utils import parseaddr
from functools import lru_cache

from tests.playground.aws.answers import AwsError

SIMULATOR = "simulator.amazonses.com"
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_LOCAL = re.compile(r"[!-~]{1,64}")


def is_address(name: str) -> bool:
    local, at, domain = name.rpartition("@")
    return bool(at and _LOCAL.fullmatch(local) and is_domain(domain))


def is_domain(name: str) -> bool:
    return _DOMAIN.fullmatch(name.lower()) is not None


def domain_of(name: str) -> str:
    return name.rpartition("@")[2].lower()


def normal_identity(name: str) -> str:
    """Domains are compared without case, local parts with it."""
    local, at, domain = name.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def is_simulator(address: str) -> bool:
    return domain_of(address) == SIMULATOR


@lru_cache(maxsize=4096)
def addr_spec(header: str) -> str:
    """The bare address in `Name <address>`. SES takes ASCII only (Destination, SESv2 API reference).

    Raises:
        AwsError: BadRequestException, with the wording of SES's own checks.
    """
    address = parseaddr(header)[1]
    if "@" not in address:
        raise AwsError("BadRequestException", "Missing final '@domain'")
    if not header.isprintable() or not is_address(address):
        domain_fits = is_domain(domain_of(address))
        part = "Local address contains control or whitespace" if domain_fits else "Domain contains illegal character"
        raise AwsError("BadRequestException", part)
    return address

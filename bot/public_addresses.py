"""Which addresses are anybody's on the internet, and not ours or our network's: where a stranger may have us connect.

`handlers/public_connector.py` asks this at each connection.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

# IANA IPv4 Special-Purpose Address Registry, multicast, and the address at which Azure answers each of its machines.
# The standard library's is_global is not asked: it says other things in other versions of Python.
_SPECIAL_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    )
)
_GLOBAL_6: Final = IPv6Network("2000::/3")
# IANA IPv6 Special-Purpose Address Registry; Teredo (in the first) and 6to4 carry an IPv4 address.
_SPECIAL_6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: how a machine without IPv4 reaches it


class NotPublicError(OSError):
    """An address that a name leads to, or that was given itself, is no public one; nothing was connected to."""


def is_public(address: str, allowed: Sequence[Network] = ()) -> bool:
    """Whether an IP address is one of the internet's, or of the networks that are allowed besides.

    An IPv6 address that stands for an IPv4 one is judged by that.
    """
    try:
        found = _plain(ip_address(address))
    except ValueError:
        return False
    if any(found in network for network in allowed):
        return True
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _SPECIAL_4)
    return found in _GLOBAL_6 and not found.scope_id and not any(found in network for network in _SPECIAL_6)


def networks(text: str) -> tuple[Network, ...]:
    """Return addresses and networks that are written with commas between them.

    Raises:
        ValueError: one is neither, or has bits set beyond its prefix.
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _TRANSLATED):
        return IPv4Address(address.packed[-4:])
    return address

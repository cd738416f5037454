"""The regions that have SES, from botocore's own data."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.loaders import create_loader

MAX_REGIONS = 100  # a Slack select holds no more options
_SES = "email"  # as its hosts are named: https://docs.aws.amazon.com/general/latest/gr/ses.html


@dataclass(frozen=True)
class Region:
    code: str
    label: str  # "eu-west-1 (Europe, Ireland)": begins with the code, so that typing it finds it
    partition: str


def regions() -> tuple[Region, ...]:
    """List every region with SES in every partition: the commercial ones first, each by its code."""
    return _read()[0]


def dns_suffix(partition: str) -> str:
    """Return what the names of AWS's hosts in a partition end with; that of the commercial one for an unknown one."""
    suffixes = _read()[1]
    return suffixes.get(partition, suffixes["aws"])


@cache
def _read() -> tuple[tuple[Region, ...], dict[str, str]]:
    """Return the regions, and the DNS suffixes by partition; the rest of the file, 10 MB in memory, is let go again."""
    partitions: list[dict[str, Any]] = create_loader().load_data("endpoints")["partitions"]
    found = [
        Region(code, f"{code} ({_name(partition['regions'][code]['description'])})", partition["partition"])
        for partition in partitions
        for code in sorted(partition["services"].get(_SES, {"endpoints": {}})["endpoints"])
        if code in partition["regions"]
    ]
    return tuple(found[:MAX_REGIONS]), {each["partition"]: str(each["dnsSuffix"]) for each in partitions}


def find_region(code: str) -> Region | None:
    """The region with this code, if SES is in it. What a person typed or Slack sent is checked with this."""
    return next((region for region in regions() if region.code == code), None)


def _name(description: str) -> str:
    """Make "Europe (Ireland)" into "Europe, Ireland", since it stands in brackets itself."""
    return description.replace(" (", ", ").replace(")", "")

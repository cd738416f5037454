"""What Amazon SES asks for a mail, as its price list of one day had it; nothing is asked for now."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

PRICES_OF: Final = date(2026, 7, 22)
"""The day of the price list (AWS Price List API, AmazonSES, us-east-1; https://aws.amazon.com/ses/pricing/)."""

_A_THOUSAND: Final[Mapping[str, Decimal]] = {  # outgoing mails of an account's first ten million in a month
    "NONE": Decimal("0.10"),
    "ESSENTIALS": Decimal("0.16"),
    "PRO": Decimal("0.22"),
    "ENTERPRISE": Decimal("0.23"),
}
_A_GIGABYTE: Final = Decimal("0.12")  # of attachments
_OTHER_LISTS: Final = ("cn-", "us-gov-")


def price(pricing_plan: str, region: str, recipients: int, attached_bytes: int = 0) -> Decimal | None:
    """Return what mailing so many recipients costs in dollars, about; None: it is not known.

    `attached_bytes` are those of the images of all mails.

    Regions differ by little, and free tiers, monthly fees and what is bought beside the plan are left out.
    """
    a_thousand = _A_THOUSAND.get(pricing_plan)
    if a_thousand is None or region.startswith(_OTHER_LISTS):
        return None
    return a_thousand * recipients / 1000 + _A_GIGABYTE * attached_bytes / 10**9

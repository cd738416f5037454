"""A page of a list as CSV (RFC 4180), for whoever asks for that (RFC 9110, section 12.5.1)."""

from typing import Any, Final
from urllib.parse import urlencode

from bot.api.idempotency import StoredResponse
from handlers.http.api.requests import PageInput
from handlers.http.api.routing import MOUNTED, VERSION, Asked

CSV: Final = "text/csv"


def wants_csv(asked: Asked[Any]) -> bool:
    return CSV in {kind.partition(";")[0].strip().lower() for kind in asked.accept.split(",")}


def csv_page(asked: Asked[PageInput], rows: str, cursor: str | None) -> StoredResponse:
    """Answer with it; where the next page is, a link says (RFC 8288)."""
    headers = {"Content-Type": f"{CSV}; charset=utf-8"}
    if cursor:
        query = urlencode({"cursor": cursor, "limit": asked.input.limit})
        headers["Link"] = f'<{MOUNTED}{VERSION}/broadcasts?{query}>; rel="next"'
    return StoredResponse(200, rows, headers)

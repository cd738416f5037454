"""Signature Version 4, verified with botocore's own signer from the stored secret."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, ?SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it came over the wire. `target` is the raw path with its query; header names are
    lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Signature:
    """What the Authorization header claims."""

    access_key_id: str
    region: str
    service: str
    value: str = field(repr=False)
    signed_headers: tuple[str, ...] = ()


def read_signature(request: Request) -> Signature | None:
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        return None
    return Signature(
        match["key"], match["region"], match["service"], match["signature"], tuple(match["headers"].split(";"))
    )


def is_right(request: Request, claimed: Signature, secret: str) -> bool:
    """Whether the request was signed with `secret`. The raw path is used: `%40` must stay `%40`."""
    if "host" not in claimed.signed_headers or "x-amz-date" not in claimed.signed_headers:
        return False
    signed = AWSRequest(
        method=request.method,
        url=f"http://{request.headers['host']}{request.target}",
        data=request.body,
        headers={name: request.headers.get(name, "") for name in claimed.signed_headers},
    )
    signed.context["timestamp"] = request.headers.get("x-amz-date", "")
    signer = SigV4Auth(Credentials(claimed.access_key_id, secret), claimed.service, claimed.region)
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    return hmac.compare_digest(signer.signature(text, signed), claimed.value)

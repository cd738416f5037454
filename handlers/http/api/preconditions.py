"""Whether a change is made to what its author has seen (RFC 9110, section 13.1.1): ETag and If-Match."""

from handlers.http.api.codes import ProblemCode
from handlers.http.api.problems import Refusal


def etag_of(version: int) -> str:
    return f'"{version}"'


def check_seen(if_match: str, version: int) -> None:
    """Let through who has seen this version, or says `*`: whichever it is.

    Raises:
        Refusal: 428 without If-Match; 412, with the ETag that it has now, where another one was seen.
    """
    if not if_match:
        raise Refusal(428, ProblemCode.PRECONDITION_REQUIRED, "Send the ETag of what you have seen of it as If-Match.")
    if not {"*", etag_of(version)} & {tag.strip() for tag in if_match.split(",")}:
        raise changed_meanwhile(version)


def check_match(if_match: str, if_none_match: str, version: int | None) -> None:
    """Let through who asks for nothing, or for what is so; `version` is None where there is none yet.

    Raises:
        Refusal: 412, with the ETag that it has now.
    """
    tags = {"*", etag_of(version)} if version is not None else set()
    if (if_match and not tags & _tags(if_match)) or tags & _tags(if_none_match):
        raise changed_meanwhile(version)


def _tags(header: str) -> set[str]:
    return {tag.strip() for tag in header.split(",")} - {""}


def changed_meanwhile(version: int | None) -> Refusal:
    return Refusal(
        412,
        ProblemCode.PRECONDITION_FAILED,
        "It is not as you have seen it, so nothing was changed. Get it again.",
        headers={} if version is None else {"ETag": etag_of(version)},
    )

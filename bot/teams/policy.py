"""What the operator fixes for all teams, from MAILROOM_POLICY_FILE. Of it and a team's settings the stricter counts."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.wording import count

APPROVAL_FROM_LIMIT = 10_000_000
APPROVALS_LIMIT = 2


class PolicyError(ValueError):
    """One sentence: what is wrong with the file."""


class Policy(BaseModel):
    """A TOML file (https://toml.io/en/v1.0.0) of these keys, all optional.

    Attributes:
        approval_from: recipients from which on a broadcast needs approval; None: as the teams say.
        approvals: people who must approve at least, wherever approval is needed.
        require_one_click: recipients of every broadcast can unsubscribe by one click (RFC 8058).
        api_send: programs may send by themselves; else they make drafts and ask.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    approval_from: Annotated[int, Field(ge=1, le=APPROVAL_FROM_LIMIT)] | None = None
    approvals: int = Field(default=1, ge=1, le=APPROVALS_LIMIT)
    require_one_click: bool = False
    api_send: bool = True

    @classmethod
    def read(cls, path: str) -> Self:
        """Read it. Raises PolicyError."""
        try:
            return cls.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise PolicyError(f"it cannot be read ({error.strerror})") from error
        except UnicodeDecodeError:
            raise PolicyError("it is not UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            raise PolicyError(f"it is no TOML ({error})") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            if first["type"] == "extra_forbidden":
                raise PolicyError(f"it has an unknown key {key}; known are {', '.join(cls.model_fields)}") from None
            raise PolicyError(f"{key}: {first['msg']}") from None

    def sentences(self) -> Iterator[str]:
        """Say what it fixes."""
        people = count(self.approvals, "person", "people")
        if self.approval_from is not None:
            yield f"A broadcast to {count(self.approval_from, 'recipient')} or more needs the approval of {people}."
        elif self.approvals > 1:
            yield f"A broadcast that needs approval needs that of {people}."
        if self.require_one_click:
            yield "A broadcast without one-click unsubscribe is not sent."
        if not self.api_send:
            yield "Programs send nothing by themselves: they make drafts and ask for approval."


NO_POLICY = Policy()

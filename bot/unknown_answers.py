"""Answers of AWS and Slack that are on no list here: each is logged once and counted.

The caller treats it as its most careful neighbour, so that a new word neither opens a gate nor stops the watch.
What is kept is bounded: past that, answers are counted as `other` and logged no more.
"""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

log = logging.getLogger(__name__)

KEPT: Final = 1_000
_OTHER: Final = "other"


class UnknownAnswers:
    """Called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logged: set[tuple[str, str, str]] = set()
        self._counted: Counter[tuple[str, str]] = Counter()

    @property
    def counted(self) -> Mapping[tuple[str, str], int]:
        """How many there were since the start, by service and action."""
        with self._lock:
            return dict(self._counted)

    def met(self, service: str, action: str, code: str, request_id: str = "") -> None:
        """Log and count an answer.

        Args:
            service: `ses`, `sns`, `sqs`, `sts`, `iam` or `slack`.
            action: what was asked (`GetAccount`, `chat.postMessage`), or the kind of what came unasked.
            code: the error code, status or type that is on no list. Never a text: it is logged.
            request_id: what the service's own support finds the call by.
        """
        with self._lock:
            pair = service, action
            self._counted[pair if pair in self._counted or len(self._counted) < KEPT else (service, _OTHER)] += 1
            if (*pair, code) in self._logged or len(self._logged) >= KEPT:
                return
            self._logged.add((*pair, code))
        log.warning(
            "an answer that is on no list: %s %s: %.80r, request id %.80r", service, action, code, request_id or "none"
        )


answers: Final = UnknownAnswers()

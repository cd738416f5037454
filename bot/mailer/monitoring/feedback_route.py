"""Which route SES events take back to Mailroom, and whether any arrived, by the stored facts."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from storage import Mailer

EVENTS_COME_WITHIN: Final = timedelta(minutes=15)
"""Of a mail, the first one within seconds as a rule."""

QUEUE_SETTLES: Final = timedelta(seconds=60)
"""For so long the policy of a new queue may not be known everywhere (SetQueueAttributes, SQS API reference)."""


class FeedbackRoute(StrEnum):
    QUEUE = "queue"
    ENDPOINT = "endpoint"
    NONE = ""


def route_of(mailer: Mailer) -> FeedbackRoute:
    """The queue wherever the policy allows one: it keeps events for 14 days, SNS tries an endpoint for an hour."""
    if mailer.queue_url:
        return FeedbackRoute.QUEUE
    return FeedbackRoute.ENDPOINT if mailer.endpoint else FeedbackRoute.NONE


def events_arrive(mailer: Mailer) -> bool:
    """Whether SES events have arrived and are not known to have stopped."""
    return route_of(mailer) is not FeedbackRoute.NONE and mailer.last_event_at is not None and not mailer.missing_events


def is_being_set_up(mailer: Mailer) -> bool:
    """Whether the queue is allowed and does not work yet; it is tried again within minutes."""
    return mailer.queue_url is None and not any(action.startswith("sqs:") for action in mailer.missing_optional)


def is_awaited(mailer: Mailer) -> bool:
    """Whether the simulator was mailed and no event has come since."""
    return mailer.probed_at is not None and not heard_since(mailer, mailer.probed_at)


def heard_since(mailer: Mailer, at: datetime) -> bool:
    return mailer.last_event_at is not None and mailer.last_event_at >= at

"""A local AWS over HTTP, for tests and for `make play`: see AwsPlayground."""

from tests.playground.aws.calls import Call
from tests.playground.aws.faults import Fault, How
from tests.playground.aws.outbox import Mail
from tests.playground.aws.playground import ACCOUNT, AwsPlayground
from tests.playground.aws.principals import Key, Role
from tests.playground.aws.rules import Rules
from tests.playground.aws.ses_state import Ses

__all__ = ["ACCOUNT", "AwsPlayground", "Call", "Fault", "How", "Key", "Mail", "Role", "Rules", "Ses"]

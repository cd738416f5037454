"""How often a management operation may be called: each once a second, by account and region."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from tests.playground.aws.answers import AwsError

MANAGEMENT = frozenset(
    {
        "GetAccount",  # of API v1: GetSendQuota, GetAccountSendingEnabled
        "ListEmailIdentities",  # ListIdentities
        "GetEmailIdentity",  # GetIdentityVerificationAttributes, GetIdentityDkimAttributes
        "CreateEmailIdentity",  # VerifyEmailIdentity, VerifyDomainDkim
        "DeleteEmailIdentity",  # DeleteIdentity
        "PutEmailIdentityMailFromAttributes",  # SetIdentityMailFromDomain
        "PutEmailIdentityFeedbackAttributes",  # SetIdentityFeedbackForwardingEnabled
        "CreateConfigurationSet",
        "GetConfigurationSet",  # DescribeConfigurationSet
        "ListConfigurationSets",
        "DeleteConfigurationSet",
        "CreateConfigurationSetEventDestination",
        "GetConfigurationSetEventDestinations",  # DescribeConfigurationSet
        "UpdateConfigurationSetEventDestination",
        "DeleteConfigurationSetEventDestination",
        "PutAccountSendingAttributes",  # UpdateAccountSendingEnabled
        "PutConfigurationSetSendingOptions",  # UpdateConfigurationSetSendingEnabled
        "GetMessageInsights",  # says so itself
    }
)
"""Those whose counterpart in SES API v1 says "You can execute this operation no more than once per second"."""


class Rates:
    def __init__(self) -> None:
        self._last: dict[tuple[str, str, str], datetime] = {}
        self._lock = threading.Lock()

    def take(self, account: str, region: str, operation: str, now: datetime, seconds: float) -> None:
        """Count a call.

        Raises:
            AwsError: TooManyRequestsException; it came too soon after the last one that was answered.
        """
        if operation not in MANAGEMENT or not seconds:
            return
        with self._lock:
            last = self._last.get((account, region, operation))
            if last is not None and now < last + timedelta(seconds=seconds):
                raise AwsError("TooManyRequestsException", "Rate exceeded")
            self._last[account, region, operation] = now

    def clear(self) -> None:
        with self._lock:
            self._last.clear()

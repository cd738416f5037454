"""What of SNS matters here and is not right in moto: confirmed HTTP subscriptions and signed notifications.

Signatures: SNS developer guide, "Verifying the signatures of Amazon SNS messages"; always version 2.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.playground.aws.answers import AwsError, request_id
from tests.playground.aws.delivery import Deliveries, Envelope, delays
from tests.playground.aws.moto_bridge import Moto
from tests.playground.aws.policies import lets
from tests.playground.aws.rules import Late, Rules
from tests.playground.aws.ses_state import Clock
from tests.playground.aws.worker import Worker

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class Signer:
    """The key behind `/SimpleNotificationService-….pem`."""

    def __init__(self, bits: int, clock: Clock) -> None:
        self._key = _private_key(bits)
        self.file_name = f"SimpleNotificationService-{secrets.token_hex(16)}.pem"
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(clock() - timedelta(days=3650))
            .not_valid_after(clock() + timedelta(days=3650))
            .sign(self._key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    def sign(self, envelope: Envelope, region: str) -> Envelope:
        fields = _NOTIFICATION if envelope["Type"] == "Notification" else _CONFIRMATION
        text = "".join(f"{name}\n{envelope[name]}\n" for name in fields if name in envelope)
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {
            **envelope,
            "SignatureVersion": "2",
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": f"https://sns.{region}.amazonaws.com/{self.file_name}",
        }


class Sns:
    """Publish, Subscribe, ConfirmSubscription and ListSubscriptionsByTopic over moto's topics."""

    def __init__(
        self,
        moto: Moto,
        deliver: Callable[[str, str, str], None],
        worker: Worker,
        clock: Clock,
        rules: Callable[[], Rules],
    ) -> None:
        self._moto = moto
        self._deliver = deliver
        self._deliveries = Deliveries(worker, clock)
        self._clock = clock
        self._rules = rules
        # Queues get thousands of messages, whose signatures hardly anybody checks: theirs are right too, from a
        # key that is six times quicker. What leaves over HTTP is signed as AWS does it.
        self._signers = {"queue": Signer(1024, clock), "http": Signer(2048, clock)}
        self._tokens: dict[str, str] = {}
        self._policies: dict[str, Late[str]] = {}
        self._operations: dict[str, Callable[[Mapping[str, str]], str | None]] = {
            "Publish": self._publish,
            "Subscribe": self._subscribe,
            "ConfirmSubscription": self._confirm,
            "ListSubscriptionsByTopic": self._list,
        }

    def certificate(self, file_name: str) -> bytes | None:
        return next((each.certificate for each in self._signers.values() if each.file_name == file_name), None)

    def sign(self, envelope: Envelope, region: str) -> Envelope:
        """Sign a message as SNS does, whatever it says."""
        return self._signers["http"].sign(envelope, region)

    def token(self, subscription_arn: str) -> str:
        """What a subscription that waits must be confirmed with."""
        return self._tokens[subscription_arn]

    def clear(self) -> None:
        self._tokens.clear()
        self._policies.clear()

    def publish_for_ses(self, topic_arn: str, subject: str | None, message: str, source_arn: str) -> None:
        """Publish what SES has to say on behalf of a configuration set.

        Raises:
            AwsError: NotFound, or AuthorizationError where the topic's policy does not let SES.
        """
        topic = self._moto.topic(topic_arn)
        late = self._policies.get(topic_arn)
        policy = late.at(self._clock()) if late else topic.policy
        if self._rules().policies and not lets(policy, "ses.amazonaws.com", "SNS:Publish", topic_arn, source_arn):
            message = f"User: ses.amazonaws.com is not authorized to perform: SNS:Publish on resource: {topic_arn}"
            raise AwsError("AuthorizationError", message)
        self.publish(topic_arn, subject, message)

    def publish(self, topic_arn: str, subject: str | None, message: str) -> str:
        """Deliver to every confirmed subscription; returns the message id."""
        subscriptions = self._subscriptions(topic_arn)
        envelope = {"Type": "Notification", "MessageId": request_id(), "TopicArn": topic_arn}
        if subject:
            envelope["Subject"] = subject
        envelope |= {"Message": message, "Timestamp": self._now()}
        region = topic_arn.split(":")[3]
        for each in subscriptions:
            if each.arn in self._tokens:
                continue
            raw = each.attributes.get("RawMessageDelivery") in {True, "true"}
            if each.protocol == "sqs":
                body = message if raw else json.dumps(self._signers["queue"].sign(envelope, region))
                self._deliver(each.endpoint, body, topic_arn)
            elif each.protocol in {"http", "https"}:
                signed = self._signers["http"].sign(envelope, region)
                again = self._delays(self._moto.topic(topic_arn))
                self._deliveries.post(each.endpoint, each.arn, partial(dict, signed), again)
        return envelope["MessageId"]

    @property
    def operations(self) -> frozenset[str]:
        return frozenset(self._operations)

    def answer(self, operation: str, params: Mapping[str, str]) -> str | None:
        """The XML of the result, or None where moto answers."""
        if operation == "SetTopicAttributes":
            self._changes(params)
        handler = self._operations.get(operation)
        return handler(params) if handler else None

    def _publish(self, params: Mapping[str, str]) -> str | None:
        if "TopicArn" not in params:
            return None
        message_id = self.publish(params["TopicArn"], params.get("Subject"), params.get("Message", ""))
        return f"<MessageId>{message_id}</MessageId>"

    def _delays(self, topic: Any) -> list[float]:
        return delays(topic.delivery_policy) if self._rules().delivery_policy else [0.0, 0.0]

    def _changes(self, params: Mapping[str, str]) -> None:
        """Moto keeps the attributes; a new policy counts a little later, and how to deliver is looked at first."""
        arn, wanted = params["TopicArn"], params.get("AttributeValue", "")
        if params.get("AttributeName") == "DeliveryPolicy":
            delays(wanted)
        if params.get("AttributeName") == "Policy" and json.loads(wanted) != json.loads(self._moto.topic(arn).policy):
            late = self._policies.setdefault(arn, Late(self._moto.topic(arn).policy))
            late.change(wanted, self._clock(), self._rules().topic_policy_seconds)

    def _subscribe(self, params: Mapping[str, str]) -> str | None:
        if params.get("Protocol") not in {"http", "https"}:
            return None
        topic = self._moto.topic(params["TopicArn"])
        existing = topic.sns_backend._find_subscription(topic.arn, params["Endpoint"], params["Protocol"])
        subscription = topic.sns_backend.subscribe(topic.arn, params["Endpoint"], params["Protocol"])
        if existing is None:
            subscription.attributes["PendingConfirmation"] = True
            self._tokens[subscription.arn] = secrets.token_hex(64)
        if subscription.arn in self._tokens:
            envelope = partial(self._question, subscription, self._tokens[subscription.arn])
            self._deliveries.post(subscription.endpoint, "PendingConfirmation", envelope, self._delays(topic))
        pending = subscription.arn in self._tokens and params.get("ReturnSubscriptionArn") != "true"
        return f"<SubscriptionArn>{'pending confirmation' if pending else subscription.arn}</SubscriptionArn>"

    def _question(self, subscription: Any, token: str) -> Envelope:
        topic_arn = subscription.topic_arn
        region = topic_arn.split(":")[3]
        envelope = {
            "Type": "SubscriptionConfirmation",
            "MessageId": request_id(),
            "Token": token,
            "TopicArn": topic_arn,
            "Message": f"You have chosen to subscribe to the topic {topic_arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message.",
            "SubscribeURL": f"https://sns.{region}.amazonaws.com/?Action=ConfirmSubscription"
            f"&TopicArn={topic_arn}&Token={token}",
            "Timestamp": self._now(),
        }
        return self._signers["http"].sign(envelope, region)

    def _confirm(self, params: Mapping[str, str]) -> str:
        for each in self._subscriptions(params["TopicArn"]):
            if self._tokens.get(each.arn) == params.get("Token"):
                del self._tokens[each.arn]
                each.attributes["PendingConfirmation"] = False
                each.confirmed = True
                return f"<SubscriptionArn>{each.arn}</SubscriptionArn>"
        raise AwsError("InvalidParameter", "Invalid parameter: Token")

    def _list(self, params: Mapping[str, str]) -> str:
        members = "".join(
            f"<member><TopicArn>{escape(each.topic_arn)}</TopicArn><Protocol>{each.protocol}</Protocol>"
            f"<SubscriptionArn>{'PendingConfirmation' if each.arn in self._tokens else each.arn}"
            f"</SubscriptionArn><Owner>{each.owner}</Owner><Endpoint>{escape(each.endpoint)}</Endpoint></member>"
            for each in self._subscriptions(params["TopicArn"])
        )
        return f"<Subscriptions>{members}</Subscriptions>"

    def _subscriptions(self, topic_arn: str) -> list[Any]:
        topic = self._moto.topic(topic_arn)
        return [each for each in list(topic.sns_backend.subscriptions.values()) if each.topic is topic]

    def _now(self) -> str:
        now = self._clock()
        return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"


@lru_cache
def _private_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)

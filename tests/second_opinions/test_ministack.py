"""The product's own way to AWS, tried on an AWS that nobody here wrote: `ministack`, over HTTP, with signatures and
policies checked.

Where it errs, the exception says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.feedback.ses_events import EventKind, parse
from bot.ses.assume_role import OpenRoleError, new_external_id
from bot.ses.bulk_send import BulkEntry, BulkTemplate, EntryOutcome
from bot.ses.client import AwsSession, SesClients
from bot.ses.credentials import AwsKey, AwsRole
from bot.ses.deprovisioning import deprovision
from bot.ses.errors import ErrorKind, SesError
from bot.ses.event_queue import delete, receive
from bot.ses.iam_policy import policy
from bot.ses.operations import Ses
from bot.ses.permission_check import AccessReport, check
from bot.ses.provisioning import DELIVERY_POLICY, ResourceNames, queue_policy
from storage.sealing import Secret
from tests.databases import Clock
from tests.live_doctor import different, take_steps
from tests.playground.aws import Key, Mail
from tests.playground.aws.delivery import delays
from tests.playground.aws.events import SUBJECT, VALIDATED, Event, event_json
from tests.playground.aws.policies import lets
from tests.principal import OWN_ACCOUNT, forget_credentials
from tests.second_opinions.ministack import PROGRAM, REGION, Ministack, ministack
from tests.unit.ses.test_permission_check import REQUIRED

pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(), reason="AWS's second opinion is left out: `make .venv-ministack` makes its environment"
)

ACCOUNT = "111122223333"
CONNECTION = "c0ffee"
RECIPIENTS = ("ann@elsewhere.test",)
NAME = f"mailroom-{CONNECTION}"
NEVER_TRIED = {"sts:GetCallerIdentity", "ses:PutAccountDetails"}  # needs no permission; would open a review
NOT_WANTED = {"ses:SendRawEmail", "ses:SendBulkTemplatedEmail"}
"""Ministack errs: AWS wants these beside SendEmail and SendBulkEmail (anymail's documentation of Amazon SES)."""
NAMED_TOO = {"ses:DeleteEmailIdentity": {"ses:CreateEmailIdentity"}}
"""Ministack errs: it takes "mailroom permission check" for a domain, which is then taken back, and that is refused."""


@pytest.fixture(scope="module")
def started() -> Iterator[Ministack]:
    with ministack() as running:
        yield running


@pytest.fixture
def stack(started: Ministack, monkeypatch: pytest.MonkeyPatch) -> Ministack:
    started.reset()
    forget_credentials(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", started.url)
    return started


@pytest.fixture(scope="module")
def clients() -> Iterator[SesClients]:
    made = SesClients(threads=4)
    yield made
    made.close()


def given(*, without: str = "") -> dict[str, Any]:
    """The policy of the README, pasted as it is there, or without one action."""
    pasted = policy("aws")
    for statement in pasted["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != without]
    return pasted


def policy_for_its_batches() -> dict[str, Any]:
    """Ministack errs: the batch is a call of its own there. At AWS sqs:DeleteMessage is the action for it."""
    pasted = given()
    queue = next(each for each in pasted["Statement"] if each["Sid"] == "MailroomQueue")
    queue["Action"].append("sqs:DeleteMessageBatch")
    return pasted


def signed_in(clients: SesClients, key: Key) -> AwsSession:
    return clients.sign_in("mailer", 1, AwsKey(key.access_key_id, Secret(key.secret_access_key)), REGION, CONNECTION)


async def looked_at(stack: Ministack, clients: SesClients, pasted: dict[str, Any]) -> AccessReport:
    return await check(signed_in(clients, stack.create_key(ACCOUNT, pasted)), CONNECTION)


def everything_made(stack: Ministack) -> list[str]:
    """Whatever of ours is there, with the eyes of the account's root."""
    return [
        *stack.root("sesv2", ACCOUNT).list_configuration_sets()["ConfigurationSets"],
        *(topic["TopicArn"] for topic in stack.root("sns", ACCOUNT).list_topics()["Topics"]),
        *stack.root("sqs", ACCOUNT).list_queues().get("QueueUrls", []),
    ]


async def test_the_policy_of_the_readme_is_enough_asked_of_the_simulator(stack: Ministack, clients: SesClients) -> None:
    report = await looked_at(stack, clients, given())
    assert report.passed, report
    assert (report.account_id, report.is_root) == (ACCOUNT, False)
    assert not report.missing_optional
    assert len(everything_made(stack)) == 3


async def test_and_found_out_by_trying(stack: Ministack, clients: SesClients) -> None:
    report = await looked_at(stack, clients, given(without="iam:SimulatePrincipalPolicy"))
    assert report.passed, report
    assert not report.missing_optional


@pytest.mark.parametrize("action", sorted(REQUIRED - NEVER_TRIED))
async def test_each_action_that_is_missing_is_named_and_nothing_stays(
    stack: Ministack, clients: SesClients, action: str
) -> None:
    pasted = given(without=action)
    pasted["Statement"] = [each for each in pasted["Statement"] if each["Sid"] != "MailroomCheck"]
    report = await looked_at(stack, clients, pasted)
    if action in NOT_WANTED:
        assert report.passed
        return
    assert set(report.missing) == {action} | NAMED_TOO.get(action, set()), report
    assert not report.passed
    assert everything_made(stack) == []


@pytest.mark.parametrize(
    "action", sorted(REQUIRED - NEVER_TRIED - {action for action in REQUIRED if action[:3] == "sns"})
)
async def test_the_simulator_names_it_as_well(stack: Ministack, clients: SesClients, action: str) -> None:
    report = await looked_at(stack, clients, given(without=action))
    assert action in report.missing or action in NOT_WANTED, report


async def test_a_wrong_secret_and_an_unknown_key_are_lost_access(stack: Ministack, clients: SesClients) -> None:
    key = stack.create_key(ACCOUNT, given())
    for wrong in (replace(key, secret_access_key="x" * 40), replace(key, access_key_id="AKIAIOSFODNN7EXAMPLE")):
        with pytest.raises(SesError) as caught:
            await Ses(signed_in(clients, wrong)).account()
        assert caught.value.kind is ErrorKind.ACCESS


# Roles


def trusting(stack: Ministack, external_id: str | None) -> str:
    condition = {"StringEquals": {"sts:ExternalId": external_id}} if external_id else {}
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OWN_ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    iam = stack.root("iam", ACCOUNT)
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="mailroom", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    pasted = json.dumps(policy("aws", ACCOUNT, "role/mailroom"))
    iam.put_role_policy(RoleName="mailroom", PolicyName="mailroom", PolicyDocument=pasted)
    return str(arn)


async def no_wait(_seconds: float) -> None:
    pass


@pytest.fixture
def own_clients(stack: Ministack, monkeypatch: pytest.MonkeyPatch) -> Iterator[SesClients]:
    """Clients with a principal of Mailroom's own, which may assume roles and nothing else."""
    may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    own = stack.create_key(OWN_ACCOUNT, {"Version": "2012-10-17", "Statement": [may]}, "mailroom-itself")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", own.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", own.secret_access_key)
    made = SesClients(threads=4)
    yield made
    made.close()


async def test_a_role_that_lets_in_this_team_alone_is_proven_and_used(
    stack: Ministack, own_clients: SesClients
) -> None:
    external_id = new_external_id()
    role = AwsRole(trusting(stack, external_id), external_id)
    session = own_clients.sign_in("mailer", 1, role, REGION, CONNECTION)
    assert await own_clients.own_account() == OWN_ACCOUNT
    await session.prove(no_wait)
    report = await check(session, CONNECTION)
    assert report.passed, report
    assert report.principal_arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/mailroom/{NAME}"


async def test_a_role_that_lets_in_everybody_is_found_out(stack: Ministack, own_clients: SesClients) -> None:
    session = own_clients.sign_in("mailer", 1, AwsRole(trusting(stack, None), new_external_id()), REGION, CONNECTION)
    with pytest.raises(OpenRoleError):
        await session.prove(no_wait)


async def test_a_role_with_another_external_id_is_lost_access(stack: Ministack, own_clients: SesClients) -> None:
    role = AwsRole(trusting(stack, new_external_id()), new_external_id())
    with pytest.raises(SesError) as caught:
        await Ses(own_clients.sign_in("mailer", 1, role, REGION, CONNECTION)).account_id()
    assert caught.value.kind is ErrorKind.ACCESS


# Mail


async def test_mail_goes_out_its_events_come_back_and_everything_is_taken_down(
    stack: Ministack, clients: SesClients
) -> None:
    session = signed_in(clients, stack.create_key(ACCOUNT, policy_for_its_batches()))
    report = await check(session, CONNECTION)
    assert report.passed, report
    assert report.set_up is not None
    assert report.set_up.queue_url is not None
    ses = Ses(session)
    await ses.create_identity("acme.test")
    assert [each.name for each in await ses.identities()] == ["acme.test"]

    people = ["ann@elsewhere.test", "bounce@simulator.amazonses.com"]
    results = await ses.send_bulk(
        sender="News <hello@acme.test>",
        reply_to=["office@acme.test"],
        configuration_set=NAME,
        template=BulkTemplate("Hello {{f0}}", "<p>Hello {{f0}}</p>", "Hello {{f0}}"),
        entries=[
            BulkEntry(each, json.dumps({"f0": "Ann"}), {"List-Unsubscribe": "<https://a.test>"}) for each in people
        ],
        tags={"mailroom": "b1"},
    )
    assert [each.outcome for each in results] == [EntryOutcome.SENT, EntryOutcome.SENT]
    # Ministack errs: it publishes nothing for event destinations. So its SNS is given what AWS's SES says.
    stack.root("sns", ACCOUNT).publish(TopicArn=report.set_up.topic_arn, Message=VALIDATED)
    for result, event in zip(results, ("DELIVERY", "BOUNCE"), strict=True):
        said = Event(event, mail(result.message_id), RECIPIENTS, RECIPIENTS, datetime.now(UTC), "General")
        stack.root("sns", ACCOUNT).publish(
            TopicArn=report.set_up.topic_arn, Message=json.dumps(event_json(said)), Subject=SUBJECT
        )
    assert await collected(session, report.set_up.queue_url, report.set_up.topic_arn) == {
        (results[0].message_id, EventKind.DELIVERY),
        (results[1].message_id, EventKind.BOUNCE),
    }
    assert await deprovision(session, report.set_up) == ()
    assert everything_made(stack) == []


def mail(message_id: str) -> Mail:
    """As SES tells of it."""
    return Mail(
        message_id=message_id,
        account=ACCOUNT,
        region=REGION,
        sender="hello@acme.test",
        reply_to=(),
        to=RECIPIENTS,
        subject="Hello",
        html=None,
        text="Hello",
        headers={},
        tags={},
        configuration_set=NAME,
        at=datetime.now(UTC),
    )


async def collected(session: AwsSession, url: str, topic_arn: str) -> set[tuple[str, EventKind]]:
    """What the events in the queue say, until there are no more."""
    found = set()
    while messages := await receive(session, url, wait_seconds=0):
        events = [parse(message.body, topic_arn) for message in messages]
        found |= {(event.message_id, event.kind) for event in events if event}
        await delete(session, url, messages)
    return found


async def test_an_identity_without_a_verification_status_is_read_by_its_flag(
    stack: Ministack, clients: SesClients
) -> None:
    """Ministack errs: AWS's answer has VerificationStatus."""
    ses = Ses(signed_in(clients, stack.create_key(ACCOUNT, given())))
    await ses.create_identity("acme.test")
    facts = await ses.identity("acme.test")
    assert facts.verification_status == ("SUCCESS" if facts.verified_for_sending else "PENDING")


# doctor --live

SILENT = {
    "SES's message to a new topic is in the queue",
    "the first event",
    "mail.destination",
    "emailAddress of bounces and complaints",
    "List-Unsubscribe in mail.headers",
    *(f"events of {probe}" for probe in ("success", "bounce", "complaint", "suppressionlist", "missing")),
}
"""Ministack errs: it publishes nothing for event destinations."""

LENIENT = {
    "GetEmailIdentity": "DkimAttributes, IdentityType, MailFromAttributes, Tags, VerifiedForSendingStatus",
    "GetEmailIdentity, DkimAttributes": "SigningAttributesOrigin, SigningEnabled, Status, Tokens",
    "CreateEmailIdentity of a name that is none": "taken",
    "SendBulkEmail with a configuration set that is not there": "entry SUCCESS",
}
"""Ministack errs: it leaves members out, takes any name for a domain and any name of a configuration set."""


async def test_doctor_live_names_where_ministack_is_another_aws_and_leaves_nothing(
    stack: Ministack, clients: SesClients, clock: Clock, tmp_path: Path
) -> None:
    session = signed_in(clients, stack.create_key(ACCOUNT, policy_for_its_batches()))
    stack.root("sesv2", ACCOUNT).create_email_identity(EmailIdentity="acme.test")
    steps = ["--region", REGION, "--aws", "--simulator", "--mail", "operator@acme.test"]

    code, lines = await take_steps(steps, session, clients, tmp_path / "seen.txt", clock)

    seen = {name: answered.partition(" (expected")[0] for name, answered in different(lines).items()}
    assert (code, {name: seen.pop(name, "") for name in LENIENT}) == (1, LENIENT)
    assert set(seen) == SILENT
    assert seen["the first event"] == "never"
    assert len([line for line in lines if line.startswith("ok ")]) >= 15
    assert everything_made(stack) == []
    left = stack.root("sesv2", ACCOUNT).list_email_identities()["EmailIdentities"]
    assert [each["IdentityName"] for each in left] == ["acme.test"]


# Where the playground is unkind, and ministack has an opinion as well

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}"
PLACE = ResourceNames(CONNECTION, REGION, "aws", ACCOUNT)
OURS = queue_policy(PLACE)["Statement"][0]


def test_both_repeat_what_an_endpoint_does_not_take_alike(stack: Ministack) -> None:
    sns = stack.root("sns", ACCOUNT)
    sns.create_topic(Name=NAME)
    attributes = sns.get_topic_attributes(TopicArn=TOPIC)["Attributes"]
    assert delays(attributes["EffectiveDeliveryPolicy"]) == delays("") == [20, 20, 20]
    sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(DELIVERY_POLICY))
    assert 3_000 < sum(delays(sns.get_topic_attributes(TopicArn=TOPIC)["Attributes"]["DeliveryPolicy"])) < 3_600


@pytest.mark.parametrize(
    ("statements", "arrives"),
    [
        pytest.param([OURS], True, id="ours"),
        pytest.param([], False, id="none"),
        pytest.param([OURS | {"Principal": "*"}], True, id="everybody", marks=pytest.mark.long),
        pytest.param([OURS | {"Principal": {"Service": "events.amazonaws.com"}}], False, id="another service"),
        pytest.param([OURS | {"Action": "sqs:ReceiveMessage"}], False, id="another action", marks=pytest.mark.long),
        pytest.param([OURS | {"Action": "SQS:*"}], True, id="every action, in capitals", marks=pytest.mark.long),
        pytest.param([OURS | {"Resource": f"{QUEUE}-b"}], False, id="another queue", marks=pytest.mark.long),
        pytest.param([OURS | {"Condition": {"ArnEquals": {"aws:SourceArn": f"{TOPIC}-b"}}}], False, id="another topic"),
        pytest.param([OURS | {"Condition": {"ArnLike": {"aws:SourceArn": f"{TOPIC[:-3]}*"}}}], True, id="like it"),
        pytest.param(
            [OURS | {"Condition": {"StringEquals": {"AWS:SourceAccount": "1"}}}],
            False,
            id="another account",
            marks=pytest.mark.long,
        ),
        pytest.param([OURS, OURS | {"Effect": "Deny", "Condition": {}}], False, id="denied too"),
    ],
)
def test_both_evaluate_the_policy_of_a_queue_alike(
    stack: Ministack, statements: list[dict[str, Any]], arrives: bool
) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    assert lets(text, "sns.amazonaws.com", "sqs:SendMessage", QUEUE, TOPIC) is arrives
    sns, sqs = stack.root("sns", ACCOUNT), stack.root("sqs", ACCOUNT)
    url = sqs.create_queue(QueueName=NAME, Attributes={"Policy": text} if statements else {})["QueueUrl"]
    sns.create_topic(Name=NAME)
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    sns.publish(TopicArn=TOPIC, Message="x")
    assert bool(sqs.receive_message(QueueUrl=url).get("Messages")) is arrives

"""The check of credentials, action by action, and what it leaves behind when they do not pass."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.ses.client import AwsSession, SesClients
from bot.ses.credentials import AwsKey
from bot.ses.deprovisioning import deprovision
from bot.ses.errors import ErrorKind, SesError
from bot.ses.permission_check import NEW_KEY_SETTLES_SECONDS, AccessReport, ActionCheck, Outcome, check, recheck
from storage.sealing import Secret
from tests.playground.aws import ACCOUNT, AwsPlayground, How, Rules
from tests.unit.ses.conftest import REGION, SignIn, Ticker, aws_key

CONNECTION = "c0ffee"
NAME = f"mailroom-{CONNECTION}"
REQUIRED = {
    "sts:GetCallerIdentity",
    "ses:GetAccount",
    "ses:ListEmailIdentities",
    "ses:GetEmailIdentity",
    "ses:CreateEmailIdentity",
    "ses:DeleteEmailIdentity",
    "ses:PutEmailIdentityMailFromAttributes",
    "ses:PutEmailIdentityConfigurationSetAttributes",
    "ses:SendEmail",
    "ses:SendRawEmail",
    "ses:SendBulkEmail",
    "ses:SendBulkTemplatedEmail",
    "ses:PutAccountDetails",
    "ses:CreateConfigurationSet",
    "ses:CreateConfigurationSetEventDestination",
    "ses:GetConfigurationSetEventDestinations",
    "sns:GetTopicAttributes",
    "sns:CreateTopic",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
}
HIDES = {  # a send needs two actions at once, and AWS names one
    "ses:SendEmail": ("ses:SendRawEmail",),
    "ses:SendRawEmail": ("ses:SendEmail",),
    "ses:SendBulkEmail": ("ses:SendBulkTemplatedEmail",),
    "ses:SendBulkTemplatedEmail": ("ses:SendBulkEmail",),
}
SIMULATING = ("ses:*", "sns:*", "sqs:*", "iam:SimulatePrincipalPolicy")


def outcomes(report: AccessReport) -> dict[str, Outcome]:
    return {step.action: step.outcome for step in report.steps}


async def nothing_is_left(aws: AwsPlayground, sign_in: SignIn) -> bool:
    """Look for any configuration set, topic or queue with the eyes of somebody who may do everything."""
    admin = sign_in(aws.create_key(allow=["*"]))
    topics = await admin.call("sns:ListTopics", lambda sns: sns.list_topics()["Topics"])
    queues = await admin.call("sqs:ListQueues", lambda sqs: sqs.list_queues().get("QueueUrls", []))
    return not (aws.ses().configuration_sets or topics or queues)


async def test_good_credentials_pass_and_the_set_up_stays(aws: AwsPlayground, sign_in: SignIn, ticker: Ticker) -> None:
    aws.rules = Rules.kind()
    key = aws.create_key()
    seen: list[ActionCheck] = []
    report = await check(sign_in(key), CONNECTION, on_action=seen.append, sleep=ticker.sleep, monotonic=ticker)
    assert report.passed
    assert (report.account_id, report.principal_arn, report.is_root) == (ACCOUNT, key.arn, False)
    assert (report.missing, report.missing_optional, report.undecided, report.left_over) == ((), (), (), ())
    assert report.set_up is not None
    assert report.set_up.configuration_set == NAME
    assert report.set_up.topic_arn == f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}"
    assert report.set_up.queue_url is not None
    assert NAME in aws.ses().configuration_sets
    assert {step.action for step in report.steps if step.required} == REQUIRED
    assert {step.action for step in seen} == {step.action for step in report.steps}
    assert ticker.seconds == 0


async def test_production_access_is_never_tried(aws: AwsPlayground, sign_in: SignIn) -> None:
    report = await check(sign_in(aws.create_key()), CONNECTION)
    assert outcomes(report)["ses:PutAccountDetails"] is Outcome.SKIPPED
    assert report.passed
    assert not aws.calls_of("ses:PutAccountDetails")
    assert aws.ses().details is None


async def test_a_check_sends_no_mail_and_adds_no_identity(aws: AwsPlayground, sign_in: SignIn) -> None:
    aws.ses().grant_production()
    assert (await check(sign_in(aws.create_key()), CONNECTION)).passed
    assert aws.mail_count == 0
    assert not aws.ses().identities
    assert not aws.ses().suppressed


async def test_the_simulator_is_asked_instead_where_that_is_allowed(aws: AwsPlayground, sign_in: SignIn) -> None:
    report = await check(sign_in(aws.create_key(allow=SIMULATING)), CONNECTION)
    assert report.passed
    assert outcomes(report)["ses:PutAccountDetails"] is Outcome.OK
    assert outcomes(report)["ses:DeleteSuppressedDestination"] is Outcome.OK
    assert len(aws.calls_of("iam:SimulatePrincipalPolicy")) == 1
    assert not aws.calls_of("ses:SendEmail")
    assert NAME in aws.ses().configuration_sets


async def test_a_role_is_simulated_by_its_own_name(aws: AwsPlayground, clients: SesClients) -> None:
    role = aws.create_role(allow=(*SIMULATING, "sts:*"))
    base = clients.sign_in("mailroom", 1, aws_key(aws.create_key("999900001111")), REGION)
    assumed = await base.call(
        "sts:AssumeRole", lambda sts: sts.assume_role(RoleArn=role.arn, RoleSessionName="mailroom")["Credentials"]
    )
    key = AwsKey(assumed["AccessKeyId"], Secret(assumed["SecretAccessKey"]), Secret(assumed["SessionToken"]))
    report = await check(clients.sign_in("mailer", 1, key, REGION), CONNECTION)
    assert report.passed
    assert outcomes(report)["ses:PutAccountDetails"] is Outcome.OK


async def test_what_the_simulator_denies_is_missing_even_if_it_cannot_be_tried(
    aws: AwsPlayground, sign_in: SignIn
) -> None:
    report = await check(sign_in(aws.create_key(allow=SIMULATING, deny=["ses:PutAccountDetails"])), CONNECTION)
    assert report.missing == ("ses:PutAccountDetails",)
    assert await nothing_is_left(aws, sign_in)


@pytest.mark.parametrize("action", sorted(REQUIRED - {"sts:GetCallerIdentity", "ses:PutAccountDetails"}))
async def test_each_missing_action_is_named_and_the_set_up_undone(
    aws: AwsPlayground, sign_in: SignIn, action: str
) -> None:
    report = await check(sign_in(aws.create_key(deny=[action])), CONNECTION)
    assert report.missing == (action,)
    assert report.undecided == HIDES.get(action, ())
    assert not report.passed
    assert report.set_up is None
    assert report.left_over == ()
    assert await nothing_is_left(aws, sign_in)


async def test_all_that_is_missing_is_named_at_once(aws: AwsPlayground, sign_in: SignIn) -> None:
    report = await check(sign_in(aws.create_key(allow=["ses:Get*", "sns:GetTopicAttributes"])), CONNECTION)
    assert set(report.missing) >= {
        "ses:ListEmailIdentities",
        "ses:CreateEmailIdentity",
        "ses:DeleteEmailIdentity",
        "ses:PutEmailIdentityMailFromAttributes",
        "ses:SendEmail",
        "ses:SendBulkEmail",
        "ses:CreateConfigurationSet",
        "ses:CreateConfigurationSetEventDestination",
        "sns:CreateTopic",
        "sns:SetTopicAttributes",
        "sns:Subscribe",
    }
    assert report.missing_optional == (
        "ses:ListSuppressedDestinations",
        "ses:DeleteSuppressedDestination",
        "ses:PutEmailIdentityFeedbackAttributes",
        "sqs:CreateQueue",
    )


async def test_one_denial_can_hide_what_is_thought_of_another_action(aws: AwsPlayground, sign_in: SignIn) -> None:
    report = await check(sign_in(aws.create_key(deny=["ses:SendRawEmail"])), CONNECTION)
    assert report.missing == ("ses:SendRawEmail",)
    assert report.undecided == ("ses:SendEmail",)


async def test_without_the_queue_the_mailer_still_connects(aws: AwsPlayground, sign_in: SignIn) -> None:
    report = await check(sign_in(aws.create_key(allow=["ses:*", "sns:*"])), CONNECTION)
    assert report.passed
    assert report.missing_optional == ("sqs:CreateQueue",)
    assert report.set_up is not None
    assert report.set_up.queue_url is None
    assert outcomes(report)["sns:Subscribe"] is Outcome.OK


@pytest.mark.parametrize("name", ["SetQueueAttributes", "GetQueueAttributes", "ReceiveMessage", "DeleteMessage"])
async def test_a_queue_that_cannot_be_used_is_taken_away_again(aws: AwsPlayground, sign_in: SignIn, name: str) -> None:
    report = await check(sign_in(aws.create_key(deny=[f"sqs:{name}"])), CONNECTION)
    assert report.passed
    assert report.missing_optional == (f"sqs:{name}",)
    assert report.set_up is not None
    assert report.set_up.queue_url is None
    assert aws.calls_of("sqs:DeleteQueue")[-1].status == 200  # AWS may not know it yet before


async def test_a_queue_that_is_not_there_in_its_first_seconds_is_waited_for(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    aws.rules = Rules.kind()
    aws.fail("sqs:SetQueueAttributes", "AWS.SimpleQueueService.NonExistentQueue", times=3)
    report = await check(sign_in(aws.create_key()), CONNECTION, sleep=ticker.sleep)
    assert report.set_up is not None
    assert (report.set_up.queue_works, report.set_up.queue_waits) == (True, False)
    assert ticker.seconds == 1 + 2 + 4


async def test_a_queue_that_stays_away_is_kept_for_the_next_walk(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    fault = aws.fail("sqs:SetQueueAttributes", "AWS.SimpleQueueService.NonExistentQueue", times=None)
    session = sign_in(aws.create_key())
    report = await check(session, CONNECTION, sleep=ticker.sleep)
    assert report.set_up is not None
    assert (report.set_up.queue_works, report.set_up.queue_waits) == (False, True)
    assert report.missing_optional == ()
    assert aws.calls_of("sqs:DeleteQueue") == []
    aws.heal(fault)
    report = await recheck(session, CONNECTION, sleep=ticker.sleep)
    assert report.set_up is not None
    assert report.set_up.queue_works


async def test_a_queue_deleted_a_minute_ago_is_not_denied(aws: AwsPlayground, sign_in: SignIn, ticker: Ticker) -> None:
    aws.fail("sqs:CreateQueue", "AWS.SimpleQueueService.QueueDeletedRecently", times=None)
    report = await check(sign_in(aws.create_key()), CONNECTION, sleep=ticker.sleep)
    assert report.passed
    assert report.missing_optional == ()
    assert report.set_up is not None
    assert report.set_up.queue_waits


NO_PUBLISHING = "Could not publish to SNS topic <arn:aws:sns:eu-west-1:111122223333:mailroom-c0ffee>."


async def test_a_topic_that_ses_may_not_publish_to_yet_is_waited_for(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    aws.rules = Rules.kind()
    destination = "ses:CreateConfigurationSetEventDestination"
    aws.fail(destination, "BadRequestException", times=4, message=NO_PUBLISHING)
    assert (await check(sign_in(aws.create_key()), CONNECTION, sleep=ticker.sleep)).passed
    assert ticker.seconds == 1 + 2 + 4 + 8


async def test_where_ses_may_never_publish_its_own_words_say_so(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    destination = "ses:CreateConfigurationSetEventDestination"
    aws.fail(destination, "BadRequestException", times=None, message=NO_PUBLISHING)
    report = await check(sign_in(aws.create_key()), CONNECTION, sleep=ticker.sleep)
    assert report.undecided == (destination,)
    assert report.refusal is not None
    assert report.refusal.text == NO_PUBLISHING
    assert await nothing_is_left(aws, sign_in)


async def test_another_bad_request_is_not_waited_for(aws: AwsPlayground, sign_in: SignIn, ticker: Ticker) -> None:
    aws.rules = Rules.kind()
    destination = "ses:CreateConfigurationSetEventDestination"
    aws.fail(destination, "BadRequestException", times=None, message="Invalid event type.")
    await check(sign_in(aws.create_key()), CONNECTION, sleep=ticker.sleep)
    assert len(aws.calls_of(destination)) == 1
    assert ticker.seconds == 0


async def test_suppression_is_optional(aws: AwsPlayground, sign_in: SignIn) -> None:
    report = await check(sign_in(aws.create_key(deny=["ses:*SuppressedDestination*"])), CONNECTION)
    assert report.passed
    assert report.missing_optional == (
        "ses:GetSuppressedDestination",
        "ses:ListSuppressedDestinations",
        "ses:DeleteSuppressedDestination",
    )


async def test_switching_off_feedback_forwarding_is_optional(aws: AwsPlayground, sign_in: SignIn) -> None:
    report = await check(sign_in(aws.create_key(deny=["ses:PutEmailIdentityFeedbackAttributes"])), CONNECTION)
    assert report.passed
    assert report.missing_optional == ("ses:PutEmailIdentityFeedbackAttributes",)


async def test_a_root_key_is_refused_before_anything_else(aws: AwsPlayground, sign_in: SignIn) -> None:
    report = await check(sign_in(aws.create_key(root=True)), CONNECTION)
    assert report.is_root
    assert not report.passed
    assert report.set_up is None
    assert [call.operation for call in aws.calls] == ["sts:GetCallerIdentity"]


async def test_a_wrong_secret_is_refused_at_once(aws: AwsPlayground, clients: SesClients, ticker: Ticker) -> None:
    key = aws.create_key()
    wrong = AwsKey(key.access_key_id, Secret("x" * 40))
    with pytest.raises(SesError) as caught:
        await check(clients.sign_in("m", 1, wrong, REGION), CONNECTION, sleep=ticker.sleep, monotonic=ticker)
    assert caught.value.kind is ErrorKind.ACCESS
    assert caught.value.code == "SignatureDoesNotMatch"
    assert len(aws.calls) == 1
    assert ticker.seconds == 0


@pytest.mark.usefixtures("aws")
async def test_an_unknown_key_is_tried_for_fifteen_seconds(clients: SesClients, ticker: Ticker) -> None:
    unknown = AwsKey("AKIAUNKNOWN", Secret("x" * 40))
    with pytest.raises(SesError) as caught:
        await check(clients.sign_in("m", 1, unknown, REGION), CONNECTION, sleep=ticker.sleep, monotonic=ticker)
    assert caught.value.kind is ErrorKind.ACCESS
    assert NEW_KEY_SETTLES_SECONDS <= ticker.seconds <= NEW_KEY_SETTLES_SECONDS + 2


async def test_a_key_made_seconds_ago_passes_once_aws_knows_it(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    aws.rules = Rules.kind()
    aws.fail("sts:GetCallerIdentity", "UnrecognizedClientException", times=3)
    aws.fail("ses:GetAccount", "UnrecognizedClientException", times=1)
    report = await check(sign_in(aws.create_key()), CONNECTION, sleep=ticker.sleep, monotonic=ticker)
    assert report.passed
    assert ticker.seconds == 8


async def test_a_throttled_call_is_made_again_and_not_taken_for_a_denial(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    aws.fail("ses:*", How.THROTTLE, times=4)
    aws.fail("sns:CreateTopic", How.THROTTLE, times=2)
    report = await check(sign_in(aws.create_key()), CONNECTION, sleep=ticker.sleep, monotonic=ticker)
    assert report.passed
    assert ticker.seconds > 0


async def test_what_stays_throttled_is_undecided_and_not_missing(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    aws.fail("ses:GetEmailIdentity", How.THROTTLE, times=None)
    report = await check(sign_in(aws.create_key()), CONNECTION, sleep=ticker.sleep, monotonic=ticker)
    assert report.missing == ()
    assert report.undecided == ("ses:GetEmailIdentity",)
    assert not report.passed
    assert await nothing_is_left(aws, sign_in)


async def test_a_set_up_that_fails_for_another_reason_does_not_pass(aws: AwsPlayground, sign_in: SignIn) -> None:
    aws.fail("sns:CreateTopic", "TopicLimitExceeded", times=None)
    report = await check(sign_in(aws.create_key()), CONNECTION)
    assert report.missing == ()
    assert report.undecided == ("sns:CreateTopic",)
    assert next(step.note for step in report.steps if step.action == "sns:CreateTopic") == "TopicLimitExceeded"
    assert await nothing_is_left(aws, sign_in)


@pytest.mark.parametrize("operation", ["ses:SendBulkEmail", "sns:SetTopicAttributes"])
async def test_a_key_that_dies_during_the_check_ends_it(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker, operation: str
) -> None:
    aws.fail(operation, "SignatureDoesNotMatch", times=None)
    with pytest.raises(SesError) as caught:
        await check(sign_in(aws.create_key()), CONNECTION, sleep=ticker.sleep, monotonic=ticker)
    assert caught.value.kind is ErrorKind.ACCESS
    assert await nothing_is_left(aws, sign_in)


async def test_a_region_that_is_off_and_an_account_without_ses_are_said_so(aws: AwsPlayground, sign_in: SignIn) -> None:
    session = sign_in(aws.create_key())
    for code, kind in (
        ("RegionDisabledException", ErrorKind.REGION_OFF),
        ("OptInRequired", ErrorKind.NOT_SIGNED_UP),
    ):
        aws.switch_off(REGION, code)
        with pytest.raises(SesError) as caught:
            await check(session, CONNECTION)
        assert caught.value.kind is kind


async def test_a_clock_that_is_wrong_is_not_a_wrong_key(aws: AwsPlayground, sign_in: SignIn) -> None:
    aws.fail("sts:GetCallerIdentity", "RequestExpired", times=None)
    with pytest.raises(SesError) as caught:
        await check(sign_in(aws.create_key()), CONNECTION)
    assert caught.value.kind is ErrorKind.CLOCK_SKEW


async def test_aws_out_of_reach_says_nothing_of_the_key(aws: AwsPlayground, sign_in: SignIn, ticker: Ticker) -> None:
    session = sign_in(aws.create_key())
    aws.go_away()
    with pytest.raises(SesError) as caught:
        await check(session, CONNECTION, sleep=ticker.sleep, monotonic=ticker)
    assert caught.value.kind is ErrorKind.NOT_SENT
    assert not caught.value.is_access_loss


async def test_what_cannot_be_undone_is_reported(aws: AwsPlayground, sign_in: SignIn) -> None:
    key = aws.create_key(deny=["ses:GetAccount", "ses:DeleteConfigurationSet"])
    report = await check(sign_in(key), CONNECTION)
    assert len(report.left_over) == 1
    assert NAME in report.left_over[0]
    assert "ses:DeleteConfigurationSet" in report.left_over[0]


async def test_what_was_never_made_is_not_left_over(aws: AwsPlayground, sign_in: SignIn) -> None:
    key = aws.create_key(deny=["sns:*", "ses:CreateConfigurationSet", "ses:DeleteConfigurationSet"])
    report = await check(sign_in(key), CONNECTION)
    assert report.set_up is None
    assert report.left_over == ()


async def test_pieces_that_were_there_before_are_never_undone(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    session, key = await connected(aws, sign_in)
    aws.set_permissions(key, deny=["ses:GetAccount"])
    ticker.seconds += aws.rules.permissions_seconds
    report = await check(session, CONNECTION)
    assert report.missing == ("ses:GetAccount",)
    assert report.set_up is not None
    assert NAME in aws.ses().configuration_sets
    assert not aws.calls_of("sns:DeleteTopic")


async def connected(aws: AwsPlayground, sign_in: SignIn) -> tuple[AwsSession, Any]:
    key = aws.create_key()
    session = sign_in(key)
    assert (await check(session, CONNECTION)).passed
    return session, key


async def test_a_recheck_finds_the_same_set_up_and_changes_nothing(aws: AwsPlayground, sign_in: SignIn) -> None:
    session, _ = await connected(aws, sign_in)
    first = aws.ses().configuration_sets[NAME].destinations.copy()
    again = await recheck(session, CONNECTION)
    assert again.passed
    assert again.set_up is not None
    assert again.set_up.found
    assert aws.ses().configuration_sets[NAME].destinations == first


async def test_a_recheck_names_what_is_missing_now_and_undoes_nothing(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    session, key = await connected(aws, sign_in)
    aws.set_permissions(key, deny=["ses:SendBulkEmail", "sqs:ReceiveMessage"])
    ticker.seconds += aws.rules.permissions_seconds
    report = await recheck(session, CONNECTION)
    assert report.missing == ("ses:SendBulkEmail",)
    assert report.missing_optional == ("sqs:ReceiveMessage",)
    assert NAME in aws.ses().configuration_sets
    assert not aws.calls_of("sns:DeleteTopic")
    assert not aws.calls_of("sqs:DeleteQueue")


async def test_a_recheck_does_not_wait_for_a_key_that_aws_does_not_know(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    aws.rules = Rules.kind()
    session, key = await connected(aws, sign_in)
    aws.revoke(key)
    with pytest.raises(SesError) as caught:
        await recheck(session, CONNECTION, sleep=ticker.sleep, monotonic=ticker)
    assert caught.value.kind is ErrorKind.ACCESS
    assert ticker.seconds == 0


async def test_a_new_key_for_a_connection_in_use_is_waited_for(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    aws.rules = Rules.kind()
    session, _ = await connected(aws, sign_in)
    aws.fail("sts:GetCallerIdentity", "UnrecognizedClientException", times=2)
    assert (await recheck(session, CONNECTION, new_key=True, sleep=ticker.sleep, monotonic=ticker)).passed
    assert ticker.seconds == 4


async def test_credentials_of_another_account_set_nothing_up_there(aws: AwsPlayground, sign_in: SignIn) -> None:
    session = sign_in(aws.create_key("999900001111"))
    report = await recheck(session, CONNECTION, account_id=ACCOUNT)
    assert report.account_id == "999900001111"
    assert not report.passed
    assert report.set_up is None
    assert [call.operation for call in aws.calls] == ["sts:GetCallerIdentity"]


async def test_the_loser_of_a_race_removes_its_own_set_up_only(aws: AwsPlayground, sign_in: SignIn) -> None:
    session = sign_in(aws.create_key())
    won, lost = await asyncio.gather(check(session, "winner"), check(session, "loser"))
    assert won.set_up is not None
    assert lost.set_up is not None
    assert await deprovision(session, lost.set_up) == ()
    assert list(aws.ses().configuration_sets) == ["mailroom-winner"]
    assert await deprovision(session, lost.set_up) == ()

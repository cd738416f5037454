"""Failing on command, and the controls over HTTP."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from tests.playground.aws import AwsPlayground
from tests.unit.playground.aws_support import Clients, bulk, code_of, running, simple

SIMULATOR = "success@simulator.amazonses.com"


@pytest.fixture
def clients() -> Iterator[Clients]:
    with running() as made:
        made.aws.ses().verify("example.com")
        made.aws.ses().grant_production(rate=1000)
        yield made


def refused(call: Any, *args: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*args, **params)
    return code_of(caught.value)


def test_a_fault_strikes_so_many_times_and_only_its_operation(clients: Clients) -> None:
    ses, sns = clients("sesv2"), clients("sns")
    clients.aws.fail("ses:Send*", "throttle", times=2)
    assert ses.get_account()
    assert refused(simple, ses, SIMULATOR) == "TooManyRequestsException"
    assert refused(bulk, ses, SIMULATOR) == "TooManyRequestsException"
    assert simple(ses, SIMULATOR)
    clients.aws.fail("sns:*", "throttle")
    assert refused(sns.list_topics) == "Throttling"
    assert clients.aws.mail_count == 1


def test_a_fault_can_be_any_error_and_last_until_healed(clients: Clients) -> None:
    ses = clients("sesv2")
    clients.aws.fail("*", "unavailable", times=None)
    for _ in range(3):
        assert refused(ses.get_account) == "ServiceUnavailable"
    assert refused(clients("sqs").list_queues) == "ServiceUnavailable"
    clients.aws.heal()
    assert ses.get_account()
    clients.aws.fail("ses:GetAccount", "AccessDeniedException")
    with pytest.raises(ClientError, match="not authorized to perform: ses:GetAccount"):
        ses.get_account()
    clients.aws.fail("ses:SendEmail", "MessageRejected", message="Email address is on a list.")
    with pytest.raises(ses.exceptions.MessageRejected, match="is on a list"):
        simple(ses, SIMULATOR)


def test_a_fault_can_befall_a_share_of_the_calls(clients: Clients) -> None:
    ses = clients("sesv2")
    clients.aws.faults.random.seed(1)
    fault = clients.aws.fail("ses:GetAccount", "throttle", times=None, chance=0.25)
    outcomes = []
    for _ in range(40):
        try:
            outcomes.append(ses.get_account() is None)
        except ClientError as error:
            outcomes.append(code_of(error) == "TooManyRequestsException")
    assert fault.hits == sum(outcomes)
    assert 4 <= fault.hits <= 16


def test_a_fault_can_be_limited_to_an_account_and_a_region(clients: Clients) -> None:
    other = clients("sesv2", clients.aws.create_key(account="999988887777"))
    clients.aws.fail("*", "throttle", times=None, account="111122223333", region="eu-west-1")
    assert other.get_account()
    assert clients("sesv2", region="us-east-1").get_account()
    assert refused(clients("sesv2").get_account) == "TooManyRequestsException"


def test_a_refused_call_has_no_effect_and_a_lost_answer_has_one(clients: Clients) -> None:
    ses = clients("sesv2")
    clients.aws.fail("ses:SendBulkEmail", "refuse")
    with pytest.raises(HTTPClientError):
        bulk(ses, SIMULATOR)
    assert clients.aws.mail_count == 0
    clients.aws.fail("ses:SendBulkEmail", "close_after")
    with pytest.raises(HTTPClientError):
        bulk(ses, SIMULATOR)
    assert clients.aws.mail_count == 1
    assert [call.status for call in clients.aws.calls] == [None, 200]


@pytest.mark.parametrize(("how", "sent_while_hanging"), [("hang", 1), ("hang_before", 0)])
def test_a_hanging_call_is_answered_when_it_is_released(clients: Clients, how: str, sent_while_hanging: int) -> None:
    ses = clients("sesv2")
    fault = clients.aws.fail("ses:SendEmail", how)
    results: list[str] = []
    calling = threading.Thread(target=lambda: results.append(simple(ses, SIMULATOR)))
    calling.start()
    assert fault.reached.wait(5)
    assert results == []
    assert clients.aws.mail_count == sent_while_hanging
    fault.release()
    calling.join()
    assert [mail.message_id for mail in clients.aws.mails] == results


def test_the_service_goes_away_and_comes_back_with_everything_it_knew(clients: Clients) -> None:
    ses, url = clients("sesv2"), clients.aws.url
    assert ses.get_account()
    clients.aws.go_away()
    with pytest.raises((EndpointConnectionError, HTTPClientError)):
        ses.get_account()
    with pytest.raises(EndpointConnectionError):
        clients("sesv2").get_account()
    clients.aws.come_back()
    assert clients.aws.url == url
    assert ses.list_email_identities()["EmailIdentities"][0]["IdentityName"] == "example.com"


def test_a_reset_forgets_everything(clients: Clients) -> None:
    clients("sns").create_topic(Name="mailroom-a")
    simple(clients("sesv2"), SIMULATOR)
    clients.aws.fail("*", times=None)
    clients.aws.reset()
    assert refused(clients("sesv2").get_account) == "UnrecognizedClientException"
    fresh = clients.aws.create_key()
    assert clients("sesv2", fresh).list_email_identities()["EmailIdentities"] == []
    assert clients("sns", fresh).list_topics()["Topics"] == []
    assert clients.aws.mails == []


def control(aws: AwsPlayground, method: str, path: str, **arguments: Any) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(aws.url).netloc)
    connection.request(method, f"/playground/{path}", json.dumps(arguments) if method == "POST" else None)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_everything_can_be_set_over_http(clients: Clients) -> None:
    aws = clients.aws
    status, answer = control(aws, "POST", "aws/create_key", account="222233334444", deny=["ses:GetAccount"])
    key = answer["result"]
    assert status == 200
    assert aws.directory.find(key["access_key_id"]) is not None
    where = {"account": "222233334444", "region": "us-east-1"}
    assert control(aws, "POST", "ses/verify", **where, names=["a.example"]) == (200, {"result": None})
    control(aws, "POST", "ses/set_quota", **where, max_24h=10, sent=4)
    control(aws, "POST", "ses/fail", **where, name="b.example", error="HOST_NOT_FOUND")
    control(aws, "POST", "ses/review", **where, status="PENDING")
    found = next(each for each in control(aws, "GET", "state")[1]["ses"] if each["region"] == "us-east-1")
    assert found["identities"] == {"a.example": "SUCCESS", "b.example": "FAILED"}
    assert (found["max_24h"], found["sent"], found["review"]) == (10, 4, "PENDING")
    control(aws, "POST", "aws/revoke", key=key["access_key_id"])
    credential = aws.directory.find(key["access_key_id"])
    assert credential is not None
    assert not credential.active
    control(aws, "POST", "aws/fail", operation="ses:GetAccount", how="throttle")
    assert refused(clients("sesv2").get_account) == "TooManyRequestsException"
    simple(clients("sesv2"), SIMULATOR)
    assert control(aws, "GET", f"mails?to={SIMULATOR}")[1]["mails"][0]["subject"] == "Hello"


def test_a_wrong_control_says_what_is_wrong(clients: Clients) -> None:
    for path, arguments in (("aws/nothing", {}), ("ses/verify", {"colour": "red"}), ("ses/review", {"status": "X"})):
        status, answer = control(clients.aws, "POST", path, **arguments)
        assert status == 400
        assert answer["error"]

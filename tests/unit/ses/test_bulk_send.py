"""What the answer of a bulk send means for each recipient."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from bot import unknown_answers
from bot.ses.bulk_send import BulkEntry, BulkTemplate, EntryOutcome, bulk_request, names_sender, read_results
from bot.ses.errors import MAX_TEXT, classify

SENDER = "News <news@example.com>"
REJECTED = "Email address is not verified. The following identities failed the check in region EU-WEST-1: "


def answer(*results: dict[str, str]) -> dict[str, Any]:
    return {"BulkEmailEntryResults": results, "ResponseMetadata": {"RequestId": "r-1"}}


def outcome(status: str, error: str = "") -> EntryOutcome:
    return read_results(answer({"Status": status, "Error": error}), SENDER, 1)[0].outcome


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("SUCCESS", EntryOutcome.SENT),
        ("MESSAGE_REJECTED", EntryOutcome.FAILED),
        ("MAIL_FROM_DOMAIN_NOT_VERIFIED", EntryOutcome.IDENTITY),
        ("CONFIGURATION_SET_NOT_FOUND", EntryOutcome.SET_UP),
        ("TEMPLATE_NOT_FOUND", EntryOutcome.STOP),
        ("ACCOUNT_SUSPENDED", EntryOutcome.SUSPENDED),
        ("ACCOUNT_THROTTLED", EntryOutcome.RETRY),
        ("ACCOUNT_DAILY_QUOTA_EXCEEDED", EntryOutcome.QUOTA),
        ("INVALID_SENDING_POOL_NAME", EntryOutcome.STOP),
        ("ACCOUNT_SENDING_PAUSED", EntryOutcome.PAUSED),
        ("CONFIGURATION_SET_SENDING_PAUSED", EntryOutcome.PAUSED),
        ("INVALID_PARAMETER", EntryOutcome.FAILED),
        ("TRANSIENT_FAILURE", EntryOutcome.TRANSIENT),
        ("FAILED", EntryOutcome.FAILED),
        ("SOMETHING_NEW", EntryOutcome.IN_DOUBT),
        ("", EntryOutcome.IN_DOUBT),
    ],
)
def test_each_status_has_its_outcome(status: str, expected: EntryOutcome) -> None:
    assert outcome(status) is expected


def test_every_status_that_botocore_knows_is_mapped() -> None:
    model = botocore.session.Session().get_service_model("sesv2")
    statuses = model.shape_for("BulkEmailStatus").enum  # type: ignore[attr-defined]  # a string's shape has it
    assert len(statuses) == 14
    assert EntryOutcome.IN_DOUBT not in {outcome(status) for status in statuses}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("news@example.com", EntryOutcome.IDENTITY),
        ("News <NEWS@example.com>, to@example.org", EntryOutcome.IDENTITY),
        ("example.com", EntryOutcome.IDENTITY),
        ("to@example.org", EntryOutcome.FAILED),
        ("fake-news@example.com", EntryOutcome.FAILED),
    ],
)
def test_a_rejection_of_the_sender_is_not_the_recipients_fault(named: str, expected: EntryOutcome) -> None:
    assert outcome("MESSAGE_REJECTED", REJECTED + named) is expected


def test_a_sender_that_a_long_text_names_at_its_end_is_found() -> None:
    text = f"{REJECTED}{'a' * 300}@example.org, news@example.com"
    answered: Any = {"Error": {"Code": "MessageRejected", "Message": text}}
    error = classify(ClientError(answered, "SendBulkEmail"), "ses:SendBulkEmail")
    assert len(error.text) == MAX_TEXT
    assert names_sender(error.unverified, SENDER)


def test_a_status_on_no_list_is_logged_with_its_call_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    pair = ("ses", "SendBulkEmail")
    before = unknown_answers.answers.counted.get(pair, 0)
    read_results(answer({"Status": "BRAND_NEW"}, {"Status": "BRAND_NEW"}, {"Status": "SUCCESS"}), SENDER, 3)
    read_results(answer({"Status": "BRAND_NEW"}), SENDER, 1)
    assert unknown_answers.answers.counted.get(pair) == before + 2
    assert [each.getMessage() for each in caplog.records] == [
        "an answer that is on no list: ses SendBulkEmail: 'BRAND_NEW', request id 'r-1'"
    ]


def test_a_recipient_without_a_result_is_in_doubt() -> None:
    results = read_results(answer({"Status": "SUCCESS", "MessageId": "1"}), SENDER, 3)
    assert [result.outcome for result in results] == [EntryOutcome.SENT, EntryOutcome.IN_DOUBT, EntryOutcome.IN_DOUBT]
    assert results[0].message_id == "1"


def test_results_beyond_the_recipients_are_not_taken() -> None:
    assert len(read_results(answer(*[{"Status": "SUCCESS"}] * 3), SENDER, 2)) == 2


def test_data_and_headers_belong_to_their_entry_and_tags_to_all() -> None:
    template = BulkTemplate("Hi {{name}}", "<p>{{name}}</p>", "{{name}}")
    entries = [BulkEntry("a@example.org", '{"name": "Zoë"}', {"List-Unsubscribe": "<https://x>"})]
    request = bulk_request(SENDER, ["re@example.com"], "mailroom-1", template, entries, {"attempt": "c1"})
    (entry,) = request["BulkEmailEntries"]
    data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
    assert json.loads(data) == {"name": "Zoë"}
    assert entry["Destination"] == {"ToAddresses": ["a@example.org"]}
    assert entry["ReplacementHeaders"] == [{"Name": "List-Unsubscribe", "Value": "<https://x>"}]
    assert request["DefaultEmailTags"] == [{"Name": "attempt", "Value": "c1"}]

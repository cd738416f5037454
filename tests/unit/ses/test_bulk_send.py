"""What the answer of a bulk send means for each recipient."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from bot import unknown_answers
from bot.ses.bulk_send import (
    BulkEntry,
    BulkTemplate,
    EntryOutcome,
    InlineImage,
    names_sender,
    read_results,
    request_body,
)
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


def request(template: BulkTemplate, entries: Sequence[BulkEntry], sender: str = SENDER, **tags: str) -> bytes:
    return request_body(sender, ["re@example.com"], "mailroom-1", template, entries, tags)


def test_data_and_headers_belong_to_their_entry_and_tags_to_all() -> None:
    template = BulkTemplate("Hi {{name}}", "<p>{{name}}</p>", "{{name}}")
    entries = [BulkEntry("a@example.org", '{"name": "Zoë"}', {"List-Unsubscribe": "<https://x>"})]
    sent = json.loads(request(template, entries, attempt="c1"))
    (entry,) = sent["BulkEmailEntries"]
    data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
    assert json.loads(data) == {"name": "Zoë"}
    assert entry["Destination"] == {"ToAddresses": ["a@example.org"]}
    assert entry["ReplacementHeaders"] == [{"Name": "List-Unsubscribe", "Value": "<https://x>"}]
    assert sent["DefaultEmailTags"] == [{"Name": "attempt", "Value": "c1"}]
    assert sent["DefaultContent"]["Template"]["TemplateContent"]["Subject"] == "Hi {{name}}"
    assert sent["ConfigurationSetName"] == "mailroom-1"


_SENDS = botocore.session.Session().get_service_model("sesv2").operation_model("SendBulkEmail")
words = st.text(max_size=20)
templates = st.builds(
    BulkTemplate, words, words, words, st.lists(st.builds(InlineImage, words, words, st.binary(max_size=9)), max_size=2)
)
all_entries = st.lists(st.builds(BulkEntry, words, words, st.dictionaries(words, words, max_size=3)), max_size=3)


@given(templates, all_entries, words)
def test_a_body_is_what_botocore_makes_of_the_same_parameters(
    template: BulkTemplate, entries: list[BulkEntry], word: str
) -> None:
    body = request(template, entries, word, attempt=word, team="t1")
    parameters = json.loads(body)
    for image in parameters["DefaultContent"]["Template"].get("Attachments", ()):
        image["RawContent"] = b64decode(image["RawContent"])
    assert (
        create_serializer("rest-json", include_validation=False).serialize_to_request(parameters, _SENDS)["body"]
        == body
    )

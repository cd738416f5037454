"""Where the address of a person may stand: each column that holds text is looked through by an erase, or cannot."""

import pytest
from sqlalchemy import JSON, Text
from sqlmodel import AutoString, SQLModel

import storage.models  # noqa: F401 - so that the tables are known
from bot.address_extraction import replace_addresses
from bot.people.places import SWEPT, standing_for

NEVER = {
    "api_token": "id team_id name prefix token_hash scopes created_by",
    "audience": "id team_id columns empty_values file_id previous_id change created_by",
    "audience_block": "audience_id lines",
    "audit": "team_id actor action",
    "broadcast": "id team_id mailer_id audience_id source_id pause_reasons created_by edited_by asked_by "
    "asked_of agreed approved_by confirmed_by",
    "chunk": "id broadcast_id sending_account_id",
    "connect_draft": "team_id user_id mailer_id region sign_in role_arn access_key_id",
    "delivery": "broadcast_id chunk_id message_id",
    "incident": "id team_id mailer_id acknowledged_by",
    "installation": "id enterprise_id slack_team_id bot_user_id name url scopes installed_by",
    "lifted_suppression": "team_id source lifted_by",
    "link_key": "id",
    "mailer": "id team_id connection account_id region principal_arn connected_by configuration_set topic_arn "
    "queue_url endpoint missing_optional access_error access_action review_status review_case_id enforcement_status "
    "pricing_plan",
    "org_workspace": "slack_team_id installation_id",
    "open_form": "id team_id user_id columns",
    "outbox": "id team_id key kind record_id user_id reply_to last_error channel_id ts drawn",
    "poll": "subject_id",
    "restoration": "team_id answered_by",
    "sealing_check": "key_id",
    "seen_request": "key request_hash reply_headers",
    "sending_account": "id account_id region owner",
    "suppression": "id team_id source",
    "suppression_change": "team_id",
    "team": "id enterprise_id slack_team_id channel_id name previous_channel_id unreachable_why external_id senders "
    "approvers created_by",
    "team_admin": "team_id user_id appointed_by",
    "team_look": "team_id logo colour",
    "webhook": "id team_id topics saved_by address",
    "webhook_event": "id team_id lane type",
}
THE_SENDERS_OWN = {  # who sends, and what they write themselves
    "broadcast": "from_address reply_to subject preheader body images template",
    "identity": "*",
    "incident": "subject",
    "team": "from_name reply_to postal_address",
    "team_look": "footer_words",
}
REMOVED = {"lifted_suppression": "address_key address", "suppression": "address address_key"}  # by their own statements


def test_every_column_that_holds_text_is_looked_through_or_cannot_hold_an_address() -> None:
    for table in SQLModel.metadata.sorted_tables:
        texts = {column.name for column in table.c if isinstance(column.type, JSON | Text | AutoString)}
        known = {*SWEPT.get(table.name, ())}
        for listed in (NEVER, THE_SENDERS_OWN, REMOVED):
            known |= {*listed.get(table.name, "").split()}
        assert known == texts or "*" in known, (table.name, known ^ texts)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ann@else.test", "X"),
        ("550 <ANN@Else.test>: unknown", "550 <X>: unknown"),
        ("write to ann@else.test.", "write to X."),
        ("joann@else.test", "joann@else.test"),
        ("ann@else.test.example", "ann@else.test.example"),
        ("ann@else.tests", "ann@else.tests"),
        ("x+ann@else.test", "x+ann@else.test"),
        ("x.ann@else.test", "x.ann@else.test"),
        ("o'ann@else.test", "o'ann@else.test"),
        ("éann@else.test", "éann@else.test"),
        ("ann@else.test-site", "ann@else.test-site"),
        ("ann@elsé.test", "ann@elsé.test"),
        (f"{'x' * 64}ann@else.test", f"{'x' * 64}ann@else.test"),
        (f"{'x' * 64}/ann@else.test", f"{'x' * 64}/X"),
        ("boss@x.test|ann@else.test;ben@x.test", "boss@x.test|X;ben@x.test"),
        ("a@ann@else.test@b", "a@X@b"),
        ("https://x.test/off?mail=ann@else.test&n=1", "https://x.test/off?mail=X&n=1"),
        ("'ann@else.test'", "'X'"),
        ("see ...ann@else.test...", "see ...X..."),
        ("ANN@ELSE.TEST, ann@else.test", "X, X"),
        ("@ ann@ @else.test", "@ ann@ @else.test"),
        ("mailto:ann@else.test?subject=Hi", "mailto:X?subject=Hi"),
        ("https://x.test/off?mail=ann%40else.test&n=1", "https://x.test/off?mail=X&n=1"),
        ("https://x.test/?to=mailto%3AAnn%40else.test%3Fn%3d1", "https://x.test/?to=mailto%3AX%3Fn%3d1"),
        ("https://x.test/?to=%3cann%40else.test%3e", "https://x.test/?to=%3cX%3e"),
        ("https://x.test/?to=%20ann@else.test", "https://x.test/?to=%20X"),
        ("https://x.test/joann%40else.test", "https://x.test/joann%40else.test"),
        ("ann%40else.test.example", "ann%40else.test.example"),
        ("ann%2540else.test", "ann%2540else.test"),
        ("ann@else.test.csv", "X.csv"),
        ("list of ann@else.test.CSV.gz", "list of X.CSV.gz"),
        ("ann%40else.test.xlsx", "X.xlsx"),
        ("ann@else.test.csv.example", "ann@else.test.csv.example"),
        ("ann@csv", "ann@csv"),
    ],
)
def test_an_address_is_found_in_a_text_and_no_part_of_a_longer_one(text: str, left: str) -> None:
    by = standing_for("ann@else.test", "X")
    assert replace_addresses(text, by) == left
    assert replace_addresses({text: [text, 1, None]}, by) == {left: [left, 1, None]}


def test_in_a_link_what_takes_the_place_of_an_address_is_encoded_too() -> None:
    text = "https://x.test/?mail=ann%2Bnews%40else.test&of=ann+news@else.test"
    by = standing_for("ann+news@else.test", "erased-1@erased.invalid")
    assert replace_addresses(text, by) == "https://x.test/?mail=erased-1%40erased.invalid&of=erased-1@erased.invalid"


def test_an_address_is_found_however_its_domain_is_written() -> None:
    assert replace_addresses("to ann@Bücher.test", standing_for("ann@xn--bcher-kva.test", "X")) == "to X"

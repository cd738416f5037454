"""Answers that are on no list are logged once and counted, within bounds."""

from __future__ import annotations

import logging

import pytest

from bot.ses.client import SesClients
from bot.ses.credentials import AwsKey
from bot.ses.errors import ErrorKind, SesError
from bot.unknown_answers import KEPT, UnknownAnswers
from storage.sealing import Secret
from tests.playground.aws import AwsPlayground


def test_each_is_logged_once_and_counted_each_time(caplog: pytest.LogCaptureFixture) -> None:
    answers = UnknownAnswers()
    for _ in range(3):
        answers.met("ses", "GetAccount", "BrandNew", "r-1")
    answers.met("ses", "GetAccount", "AnotherOne")
    answers.met("slack", "chat.postMessage", "brand_new")

    assert answers.counted == {("ses", "GetAccount"): 4, ("slack", "chat.postMessage"): 1}
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
    assert "ses GetAccount: 'BrandNew', request id 'r-1'" in caplog.text


def test_what_is_kept_has_an_end(caplog: pytest.LogCaptureFixture) -> None:
    answers = UnknownAnswers()
    for number in range(2 * KEPT):
        answers.met("ses", f"Action{number}", "x" * 10_000)

    assert len(answers.counted) == KEPT + 1
    assert sum(answers.counted.values()) == 2 * KEPT
    assert answers.counted["ses", "other"] == KEPT
    assert len(caplog.records) == KEPT
    assert "x" * 100 not in caplog.text


async def test_a_code_of_aws_that_is_on_no_list_is_logged_with_its_request_id(
    aws: AwsPlayground, caplog: pytest.LogCaptureFixture
) -> None:
    clients, key = SesClients(threads=1), aws.create_key()
    session = clients.sign_in(
        "m", 1, AwsKey(key.access_key_id, Secret(key.secret_access_key)), "eu-west-1", "unknown-answers"
    )
    aws.fail("ses:GetAccount", "BrandNewException", message="<!channel> ceo@victim.test")
    try:
        with pytest.raises(SesError) as caught:
            await session.call("ses:GetAccount", lambda ses: ses.get_account())
    finally:
        clients.close()

    assert caught.value.kind is ErrorKind.BAD_REQUEST
    assert "ses GetAccount: 'BrandNewException', request id '" in caplog.text
    assert "request id 'none'" not in caplog.text
    assert "victim" not in caplog.text

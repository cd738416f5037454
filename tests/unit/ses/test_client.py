"""What goes over the wire: how often, with whose credentials, and what comes of it when AWS fails."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bot.ses.bulk_send import BulkEntry, BulkTemplate, EntryOutcome, EntryResult
from bot.ses.client import JITTER, SesClients
from bot.ses.credentials import AwsKey
from bot.ses.errors import ErrorKind, SesError
from bot.ses.operations import Ses
from storage.sealing import Secret
from tests.playground.aws import AwsPlayground, How
from tests.unit.ses.conftest import REGION, SignIn, Ticker, aws_key

MADE_UP = AwsKey("AKIAEXAMPLE", Secret("secret"))
TEMPLATE = BulkTemplate("Hello {{name}}", "<p>{{name}}</p>", "{{name}}")


async def send(ses: Ses, *addresses: str, configuration_set: str = "mailroom-1") -> list[EntryResult]:
    return await ses.send_bulk(
        sender="news@example.com",
        reply_to=["re@example.com"],
        configuration_set=configuration_set,
        template=TEMPLATE,
        entries=[BulkEntry(address, '{"name": "you"}', {"X-One": "1"}) for address in addresses],
        tags={"attempt": "c1"},
    )


@pytest.mark.parametrize(
    ("how", "kind", "in_doubt"),
    [
        (How.HANG, ErrorKind.UNAVAILABLE, True),
        (How.CLOSE_AFTER, ErrorKind.UNAVAILABLE, True),
        (How.UNAVAILABLE, ErrorKind.UNAVAILABLE, True),
        (How.REFUSE, ErrorKind.UNAVAILABLE, True),
        (How.THROTTLE, ErrorKind.THROTTLED, False),
        ("InternalFailure", ErrorKind.UNAVAILABLE, True),
        ("LimitExceededException", ErrorKind.LIMIT, False),
    ],
)
async def test_a_send_is_one_post_whatever_happens(
    aws: AwsPlayground, monkeypatch: pytest.MonkeyPatch, how: str, kind: ErrorKind, in_doubt: bool
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    fault = aws.fail("ses:SendBulkEmail", how, times=None)
    clients = SesClients(send_seconds=0.3)
    with pytest.raises(SesError) as caught:
        await send(Ses(clients.sign_in("mailer", 1, aws_key(aws.create_key()), REGION)), "a@example.org")
    aws.heal()
    clients.close()
    assert caught.value.kind is kind
    assert caught.value.maybe_accepted is in_doubt
    assert fault.hits == 1


async def test_a_send_that_no_server_took_is_not_in_doubt(aws: AwsPlayground, sign_in: SignIn) -> None:
    ses = Ses(sign_in(aws.create_key()))
    aws.go_away()
    with pytest.raises(SesError) as caught:
        await send(ses, "a@example.org")
    assert caught.value.kind is ErrorKind.NOT_SENT
    assert not caught.value.maybe_accepted


async def test_a_read_is_tried_again(aws: AwsPlayground, sign_in: SignIn) -> None:
    aws.fail("ses:GetAccount", How.UNAVAILABLE)
    facts = await Ses(sign_in(aws.create_key())).account()
    assert facts.sending_enabled
    assert len(aws.calls_of("ses:GetAccount")) == 2


async def test_what_aws_answers_once_a_second_is_asked_again_a_second_later(
    aws: AwsPlayground, sign_in: SignIn, ticker: Ticker
) -> None:
    began = aws.clock()
    aws.clock = lambda: began + timedelta(seconds=ticker.seconds)
    aws.rules.seconds_between_calls = 1
    ses = Ses(sign_in(aws.create_key()))
    for _ in range(6):
        assert (await ses.account()).sending_enabled
    assert 5 <= ticker.seconds <= 5 * (1 + JITTER)
    assert [call.status for call in aws.calls_of("ses:GetAccount")] == [200] + 5 * [429, 200]


async def test_what_is_throttled_for_long_is_given_up(aws: AwsPlayground, sign_in: SignIn, ticker: Ticker) -> None:
    fault = aws.fail("ses:GetAccount", How.THROTTLE, times=None)
    with pytest.raises(SesError) as caught:
        await Ses(sign_in(aws.create_key())).account()
    assert caught.value.kind is ErrorKind.THROTTLED
    assert fault.hits == 6
    assert 15 < ticker.seconds < 15 * (1 + JITTER)  # spread, so as not to meet again whatever calls once a second


@contextmanager
def server_that_says(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    posts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            posts.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815  # the name http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", posts
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "body"), [(502, b"<html>bad gateway"), (403, b"<html>proxy")])
async def test_an_answer_that_is_not_from_aws_leaves_the_send_in_doubt(
    monkeypatch: pytest.MonkeyPatch, clients: SesClients, status: int, body: bytes
) -> None:
    with server_that_says(status, body) as (url, posts):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        with pytest.raises(SesError) as caught:
            await send(Ses(clients.sign_in("mailer", 1, MADE_UP, REGION)), "a@example.org")
    assert caught.value.maybe_accepted
    assert len(posts) == 1


async def test_an_answer_cut_off_leaves_every_recipient_in_doubt(
    monkeypatch: pytest.MonkeyPatch, clients: SesClients
) -> None:
    with server_that_says(200, b'{"BulkEmailEntryResults": [{"Sta') as (url, posts):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        results = await send(Ses(clients.sign_in("mailer", 1, MADE_UP, REGION)), "a@example.org", "b@example.org")
    assert [result.outcome for result in results] == [EntryOutcome.IN_DOUBT, EntryOutcome.IN_DOUBT]
    assert len(posts) == 1


async def test_facts_are_not_read_from_an_answer_cut_off(monkeypatch: pytest.MonkeyPatch, clients: SesClients) -> None:
    ses = Ses(clients.sign_in("mailer", 1, MADE_UP, REGION))
    with server_that_says(200, b'{"Sending') as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        for read in (ses.account(), ses.identities(), ses.identity("example.com"), ses.get_suppressed("a@example.org")):
            with pytest.raises(SesError) as caught:
                await read
            assert caught.value.kind is ErrorKind.UNAVAILABLE
            assert not caught.value.is_access_loss


async def test_what_is_sent_arrives_with_its_headers_and_tags(aws: AwsPlayground, sign_in: SignIn) -> None:
    state = aws.ses()
    state.grant_production()
    state.verify("example.com")
    session = sign_in(aws.create_key())
    await session.call(
        "ses:CreateConfigurationSet", lambda ses: ses.create_configuration_set(ConfigurationSetName="mailroom-1")
    )
    results = await send(Ses(session), "a@example.org", "b@example.org")
    assert [result.outcome for result in results] == [EntryOutcome.SENT, EntryOutcome.SENT]
    mail = aws.mails_to("a@example.org")[0]
    assert (mail.subject, mail.html, mail.text) == ("Hello you", "<p>you</p>", "you")
    assert mail.headers["X-One"] == "1"
    assert mail.tags["attempt"] == "c1"
    assert mail.message_id == results[0].message_id


async def test_a_team_is_never_served_with_the_credentials_of_the_machine(
    aws: AwsPlayground, monkeypatch: pytest.MonkeyPatch, sign_in: SignIn
) -> None:
    own = aws.create_key("999900001111", "mailroom-itself")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", own.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", own.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-machine")
    key = aws.create_key()
    await Ses(sign_in(key)).account()
    assert [call.access_key_id for call in aws.calls] == [key.access_key_id]


async def test_two_mailers_are_never_mixed_up(aws: AwsPlayground, clients: SesClients) -> None:
    keys = [aws.create_key(f"{number:012d}") for number in range(1, 9)]
    for number, key in enumerate(keys, 1):
        aws.ses(key.account).set_quota(max_24h=number)
    sessions = [clients.sign_in(key.account, 1, aws_key(key), REGION) for key in keys]
    facts = await asyncio.gather(*(Ses(session).account() for session in sessions for _ in range(3)))
    assert [fact.max_24_hour_send for fact in facts] == [number for number in range(1, 9) for _ in range(3)]


async def test_new_credentials_of_a_mailer_take_the_place_of_the_old(aws: AwsPlayground, clients: SesClients) -> None:
    aws.rules.seconds_between_calls = 0
    old, new = aws.create_key(), aws.create_key()
    await Ses(clients.sign_in("mailer", 1, aws_key(old), REGION)).account()
    await Ses(clients.sign_in("mailer", 2, aws_key(new), REGION)).account()
    assert [call.access_key_id for call in aws.calls] == [old.access_key_id, new.access_key_id]


async def test_mailers_of_a_region_share_its_client_and_none_has_another_ones_credentials(
    aws: AwsPlayground, clients: SesClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = aws.create_key("999900001111", "mailroom-itself")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", own.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", own.secret_access_key)
    keys = [aws.create_key(f"{number:012d}") for number in (1, 2)]
    made = [
        await clients.sign_in(key.account, 1, aws_key(key), REGION).call("ses:GetAccount", lambda ses: ses)
        for key in keys
    ]
    assert made[0] is made[1]
    with pytest.raises(AttributeError):  # nobody's call: it is not signed at all
        await clients.run(made[0].get_account)
    assert not aws.calls


async def test_a_hanging_region_leaves_the_event_loops_own_threads_free(aws: AwsPlayground) -> None:
    aws.rules.seconds_between_calls = 0
    before = set(threading.enumerate())
    clients = SesClients(threads=2)
    fault = aws.fail("ses:GetAccount", How.HANG, times=None)
    ses = Ses(clients.sign_in("mailer", 1, aws_key(aws.create_key()), REGION))
    hanging = [asyncio.create_task(ses.account()) for _ in range(8)]
    await asyncio.to_thread(fault.reached.wait, 5)
    names = {await asyncio.to_thread(lambda: threading.current_thread().name) for _ in range(8)}
    running = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("aws_")]
    aws.heal(fault)
    await asyncio.gather(*hanging)
    clients.close()
    assert not any(name.startswith("aws_") for name in names)
    assert len(running) == 2


async def test_sts_is_asked_in_the_region_and_not_in_virginia(
    monkeypatch: pytest.MonkeyPatch, clients: SesClients
) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    session = clients.sign_in("mailer", 1, MADE_UP, REGION)
    url = await session.call("sts:GetCallerIdentity", lambda sts: sts.meta.endpoint_url)
    assert url == "https://sts.eu-west-1.amazonaws.com"


async def test_an_error_of_ours_is_not_blamed_on_aws(clients: SesClients) -> None:
    session = clients.sign_in("mailer", 1, MADE_UP, REGION)
    with pytest.raises(AttributeError):
        await session.call("ses:GetAccount", lambda ses: ses.no_such_call())


async def test_a_failed_call_shows_no_secret_and_no_recipient(
    aws: AwsPlayground, sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    key = aws.create_key(deny=["ses:SendBulkEmail"])
    session = sign_in(key)
    recipient = f"canary-{key.access_key_id}@example.org"  # not in the source: tracebacks show source
    with pytest.raises(SesError) as caught:
        await send(Ses(session), recipient)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").error("failed %r %r", session, session.credentials, exc_info=caught.value)
    shown = caplog.text + repr(caught.value) + caught.value.text
    assert key.secret_access_key not in shown
    assert recipient not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__

"""The signatures are those of the standard, whoever makes them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from bot.webhooks.events import Topic
from bot.webhooks.signing import new_secret, signed_headers
from storage import key_rotation
from storage.models import Webhook
from storage.sealing import KeyRing, Secret
from tests.playground.webhooks import Posted
from tests.unit.webhooks.fixtures import KEYS, ON_SQLITE, Hooked

# The vector of the standard's own libraries:
# https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py
SECRET, ID, AT = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY = '{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_vector_of_the_standard() -> None:
    at = datetime.fromtimestamp(AT, UTC)
    assert signed_headers(ID, BODY, [SECRET], at) == {
        "webhook-id": ID,
        "webhook-timestamp": str(AT),
        "webhook-signature": SIGNATURE,
    }
    assert Posted(ID, str(AT), [SIGNATURE], BODY, 0).is_signed_by(SECRET.reveal())


def test_a_part_of_a_second_and_another_zone_sign_as_the_second_does() -> None:
    at = datetime.fromtimestamp(AT, UTC) + timedelta(milliseconds=999)
    assert signed_headers(ID, BODY, [SECRET], at)["webhook-signature"] == SIGNATURE


def test_a_secret_is_32_random_bytes() -> None:
    secrets = {new_secret().reveal() for _ in range(10)}
    assert len(secrets) == 10
    assert all(secret.startswith("whsec_") and len(secret) == 6 + 44 for secret in secrets)


@ON_SQLITE
async def test_after_a_new_secret_both_sign_for_a_day(hook: Hooked) -> None:
    webhook = await hook.webhook()
    new = await hook.service.renew_secret(hook.team, webhook.id, webhook.version, "U1")
    for seconds, signers in ((0, 2), (24 * 3600 - 1, 2), (1, 1)):
        hook.clock.advance(seconds)
        assert (await hook.service.try_out(hook.team)).taken
        posted = hook.hooks.posted[-1]
        assert posted.is_signed_by(new.reveal())
        assert posted.is_signed_by(hook.secret.reveal()) is (signers == 2)
        assert len(posted.signatures) == signers


@ON_SQLITE
async def test_the_secret_is_sealed_and_survives_another_key(hook: Hooked) -> None:
    webhook = await hook.webhook()
    new = await hook.service.renew_secret(hook.team, webhook.id, webhook.version, "U1")
    stored = await hook.webhook()
    assert hook.secret.reveal().encode() not in stored.secret + (stored.old_secret or b"")
    other = KeyRing.generate()
    both = KeyRing.parse(f"{other.export().reveal()},{KEYS.export().reveal()}")
    assert await key_rotation.rotate(hook.db, both) == 2
    async with hook.db.read() as session:
        row = (await session.exec(select(Webhook))).one()
    place = {"team": row.team_id, "record": row.id}
    assert other.open(row.secret, **place, field="secret") == new
    assert other.open(row.old_secret or b"", **place, field="old_secret") == hook.secret


@ON_SQLITE
@pytest.mark.parametrize("topic", Topic)
async def test_saved_again_it_keeps_its_secret(hook: Hooked, topic: Topic) -> None:
    saved, secret = await hook.service.save(hook.team, hook.hooks.address, [topic], 1, "U1")
    assert (secret, saved.topics, saved.version) == (None, [topic], 2)

"""Mailroom's own principal, as an operator gives it: by botocore's variables, and by nothing that this machine has."""

import os

import pytest

from tests.playground.aws import AwsPlayground, Key

OWN_ACCOUNT = "999900001111"


def forget_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no source of credentials to botocore: no key, no file, no machine it might run on."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def give_principal(aws: AwsPlayground, monkeypatch: pytest.MonkeyPatch) -> Key:
    """Give Mailroom a key of an account of its own, which may assume roles and nothing else."""
    key = aws.create_key(OWN_ACCOUNT, "mailroom-service", allow=["sts:AssumeRole", "sts:GetCallerIdentity"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
    return key

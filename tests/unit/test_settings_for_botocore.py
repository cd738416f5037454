"""What `.env` says to botocore reaches it; what the environment says goes first."""

import os
from pathlib import Path

import pytest

from bot.settings import SettingsError, load

SLACK = "SLACK_BOT_TOKEN=xoxb-1\nSLACK_APP_TOKEN=xapp-1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "restored afterwards")
        monkeypatch.delenv(name)
    return tmp_path


def test_variables_of_botocore_in_the_file_go_into_the_environment(folder: Path) -> None:
    (folder / ".env").write_text(f"{SLACK}AWS_ACCESS_KEY_ID=AKIAEXAMPLE\nAWS_REGION=\nOTHER=1\n")
    load()
    assert os.environ["AWS_ACCESS_KEY_ID"] == "AKIAEXAMPLE"
    assert "AWS_REGION" not in os.environ
    assert "OTHER" not in os.environ


def test_the_environment_wins_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    (folder / ".env").write_text(f"{SLACK}AWS_ACCESS_KEY_ID=AKIAFILE\n")
    load()
    assert os.environ["AWS_ACCESS_KEY_ID"] == "AKIAENVIRONMENT"


def test_a_template_that_is_not_at_an_https_address_ends_the_start(folder: Path) -> None:
    (folder / ".env").write_text(f"{SLACK}MAILROOM_ROLE_TEMPLATE_URL=s3://bucket/role.yaml\n")
    with pytest.raises(SettingsError, match="MAILROOM_ROLE_TEMPLATE_URL must be the https address"):
        load()

"""moto, for what it does well: SNS topics and their attributes."""

from __future__ import annotations

from typing import Any

from moto.moto_server.werkzeug_app import create_backend_app
from moto.sns.models import sns_backends
from werkzeug.test import create_environ, run_wsgi_app

from tests.playground.aws.answers import Answer, AwsError
from tests.playground.aws.signature import Request


class Moto:
    """moto's state is one for the whole process: run one playground at a time."""

    def __init__(self) -> None:
        self._app = create_backend_app("sns")

    def answer(self, request: Request, account: str) -> Answer:
        """What moto says to a request that was found to be authentic, made by a key of `account`."""
        headers = {**request.headers, "x-moto-account-id": account}
        environ = create_environ(
            path=request.raw_path,
            base_url=f"http://{request.headers['host']}",
            method=request.method,
            headers=headers,
            data=request.body,
        )
        chunks, status, answered = run_wsgi_app(self._app, environ, buffered=True)
        kept = {name: value for name, value in answered.items() if name.lower() not in _HOP_HEADERS}
        return Answer(int(status.split()[0]), b"".join(chunks), kept)

    def reset(self) -> None:
        for account in sns_backends.values():
            account.reset()

    def topic(self, topic_arn: str) -> Any:
        """moto's topic.

        Raises:
            AwsError: NotFound.
        """
        _, _, _, region, account, _ = topic_arn.split(":", 5)
        topic = sns_backends[account][region].topics.get(topic_arn)
        if topic is None:
            raise AwsError("NotFound", "Topic does not exist")
        return topic


_HOP_HEADERS = frozenset({"content-length", "connection", "date", "server", "x-amzn-requestid"})

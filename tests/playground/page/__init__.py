"""The page of `make play`: one is in the channel, and holds the AWS account in one's hands."""

from tests.playground.page.server import PlayPage

__all__ = ["PlayPage"]

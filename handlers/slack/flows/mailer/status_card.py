"""`/mailer`: the status card, and help."""

from bot.mailer.readiness.overview import Overviews
from handlers.slack.dispatch.registration import Permission, Request, Subcommand
from handlers.slack.views.blocks import Reply
from handlers.slack.views.mailer.status_card import help_message, status_message


class StatusFlow:
    def __init__(self, overviews: Overviews, public_url: str) -> None:
        self._overviews = overviews
        self._public_url = public_url

    def words(self) -> list[Subcommand]:
        return [Subcommand("", "how things stand, and the next step", Permission.SEE, self.show)]

    async def show(self, request: Request) -> Reply:
        overview = await self._overviews.get(request.team)
        return status_message(overview, one_click=bool(self._public_url))


def help_word(command: str, words: list[Subcommand]) -> Subcommand:
    """Return the word that lists all words; it also answers to one that is none of them."""
    listed = [*((word.word, word.help) for word in words), ("help", "this list")]

    async def handler(request: Request) -> Reply:
        first = request.at.words[0] if request.at.words else ""
        return help_message(command, listed, unknown="" if first.lower() in {"", "help"} else first)

    return Subcommand("help", "this list", Permission.SEE, handler)

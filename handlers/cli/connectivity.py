"""Whether SES can be reached at all from here: that it refuses a stranger is an answer."""

from bot.errors import BotError
from bot.ses.client import SesClients
from bot.ses.credentials import AwsKey
from bot.ses.errors import ErrorKind, SesError
from bot.ses.operations import Ses
from bot.ses.regions import dns_suffix, find_region
from handlers.cli.codes import CliCode
from storage import Secret

_STRANGER = AwsKey("AKIA0000000000000000", Secret("nobody's"))


async def check_reach(clients: SesClients, region: str) -> None:
    """Ask SES in a region something that it refuses.

    Raises:
        BotError: no answer came.
    """
    try:
        await Ses(clients.sign_in("reach", 1, _STRANGER, region)).account()
    except SesError as error:
        if error.kind in {ErrorKind.NOT_SENT, ErrorKind.UNAVAILABLE}:
            raise BotError(
                CliCode.NO_ANSWER,
                f"SES does not answer in {region} ({error.code}).",
                f"Let this machine reach email.{region}.{_suffix(region)} on port 443.",
            ) from error
    finally:
        clients.forget("reach")


def _suffix(region: str) -> str:
    known = find_region(region)
    return dns_suffix(known.partition if known else "aws")

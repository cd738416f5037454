"""What stands below each mail: how to unsubscribe, the team's words, and who sends it."""

from dataclasses import dataclass
from enum import StrEnum

from bot.broadcast.content.ses_template import EscapeContext, TemplateWriter
from bot.suppression.unsubscribe_links import unsubscribe_mailto

_FOOTER = "margin-top:32px;padding-top:16px;border-top:1px solid #ccc;font-size:13px"


class Unsubscribe(StrEnum):
    """How the footer lets a recipient out."""

    LINK = "link"  # each has a link of their own, given with the data
    MAIL = "mail"  # a mail to the reply address


@dataclass(frozen=True, slots=True)
class Footer:
    unsubscribe: Unsubscribe = Unsubscribe.LINK
    reply_to: str = ""
    postal_address: str = ""
    words: str = ""  # of the team's look


def footer_html(footer: Footer, source: TemplateWriter) -> str:
    """Return what stands below the HTML of a mail."""
    link = f'<a href="{unsubscribe_target(footer, source)}" style="color:inherit">Unsubscribe</a>'
    lines = [link, *(source.literal(text, EscapeContext.HTML) for text in (footer.words, footer.postal_address))]
    below = "\n".join(f'<div dir="auto">{line}</div>' for line in lines if line)
    return f'<div style="{_FOOTER}">{below}</div>\n'


def unsubscribe_target(footer: Footer, source: TemplateWriter) -> str:
    """Return where a link leads that takes the recipient off the list."""
    match footer.unsubscribe:
        case Unsubscribe.LINK:
            return source.unsubscribe(EscapeContext.HTML)
        case Unsubscribe.MAIL:
            return source.literal(unsubscribe_mailto(footer.reply_to), EscapeContext.HREF)


def footer_text(footer: Footer, source: TemplateWriter) -> str:
    """Return what stands below the plain text of a mail."""
    lines = [_unsubscribe_text(footer, source)]
    lines += [source.literal(text, EscapeContext.TEXT) for text in (footer.words, footer.postal_address)]
    below = "\n".join(line for line in lines if line)
    return f"--\n{below}\n"


def _unsubscribe_text(footer: Footer, source: TemplateWriter) -> str:
    address = unsubscribe_address(footer, source)
    match footer.unsubscribe:
        case Unsubscribe.LINK:
            return f"Unsubscribe: {address}"
        case Unsubscribe.MAIL:
            return f"Unsubscribe: send a mail to {address} that says so"


def unsubscribe_address(footer: Footer, source: TemplateWriter) -> str:
    """Return the same as it is read in a plain text."""
    match footer.unsubscribe:
        case Unsubscribe.LINK:
            return source.unsubscribe(EscapeContext.TEXT)
        case Unsubscribe.MAIL:
            return source.literal(footer.reply_to, EscapeContext.TEXT)

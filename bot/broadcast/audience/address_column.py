"""Which column of a file holds the addresses: judged by what it holds first, and by its name second."""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from bot.broadcast.content.merge_tags import normalize_column
from bot.email_addresses import InvalidNameError, address_in

Record = tuple[int, list[str]]
"""A row, and the line it starts on."""

PLAIN, CONTAINS, VAGUE, OTHER = 3, 2, 1, 0
_NAMED, _UNNAMED = 0.1, 0.5  # of its values: the share of addresses from which a column is one of addresses
_NEARLY_EMPTY = 0.2  # beside another column


def _folded(title: str) -> str:
    """Return a name without case, accents and signs; `E-Mail` and `e mail` are `email`."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", title).casefold())
    name = normalize_column("".join(letter for letter in letters if unicodedata.category(letter) != "Mn"))
    return re.sub(r"(?<![^\W_])e_(?=mail|post)", "e", name)


def _names(*texts: str) -> frozenset[str]:
    return frozenset(_folded(name) for text in texts for name in text.split())


# Names as programs and people write them, without numbers, “main” and “second”.
_PLAIN_NAMES = _names(
    "email emails emailaddress email_address email_addresses address_email mail mailaddress mail_address",
    "emailadresse email_adresse mailadresse mail_adresse epost epostadresse epost_adresse",
    "courriel adresse_email adresse_mail adresse_courriel adresse_électronique adresse_de_messagerie mél",
    "correo correo_electrónico dirección_de_correo",
    "dirección_de_correo_electrónico dirección_email correu_electrònic",
    "posta_elettronica indirizzo_email indirizzo_mail indirizzo_di_posta_elettronica",
    "endereço_email endereço_de_email correio_eletrônico correio_electrónico",
    "emailadres email_adres mailadres epostadress epost_adress sähköposti sähköpostiosoite netfang",
    "eposta eposta_adresi adres_email poczta_elektroniczna emailová_adresa email_cím",
    "электронная_почта адрес_электронной_почты почта имейл",
    "емейл електронна_пошта ηλεκτρονικό_ταχυδρομείο メールアドレス メール eメール",
    "邮箱 电子邮箱 邮箱地址 电子邮件 邮件地址",
    "電子郵件 電子信箱 電郵 이메일 이메일_주소 전자우편",
    "ईमेल البريد_الإلكتروني بريد_إلكتروني إيميل אימייל อีเมล",
)
_WORDS = _names(
    "mail courriel correo correio epost eposta sähköposti почт メール",
    "邮箱 邮件 郵件 信箱 電郵 이메일 البريد אימייל อีเมล",
)
_VAGUE_NAMES = _names("address recipient recipients to contact kontakt adresse")
_FIRST = _names("main primary default haupt principal value wert valeur valor")
_LATER = _names("second secondary alternative alternate alt other additional backup old zweite andere autre otro altro")


class Certainty(StrEnum):
    """How sure it is which column holds the addresses."""

    SURE = "sure"  # no other does
    LIKELY = "likely"  # another does, and its name or how little it holds says that it is not meant
    OPEN = "open"  # a person has to choose


class Named(NamedTuple):
    """What the name of a column says; the greater is the likelier."""

    rank: int
    first: bool


class Judged(NamedTuple):
    """Positions of the columns that may be meant, best first; none: nothing in the file looks like an address."""

    positions: tuple[int, ...]
    certainty: Certainty


def is_address(text: str) -> bool:
    """Whether there is one address in this text, whatever stands around it."""
    if "@" not in text:
        return False
    try:
        return bool(address_in(text))
    except InvalidNameError:
        return False


def named(title: str) -> Named:
    """Read the name of a column, in many languages."""
    folded = _folded(title)
    words = [word for word in folded.split("_") if word]
    is_later = any(word in _LATER or (word.isdecimal() and word != "1") for word in words)
    rest = "_".join(word for word in words if word not in _FIRST | _LATER and not word.isdecimal())
    if rest in _PLAIN_NAMES:
        return Named(PLAIN, not is_later)
    if any(word in folded for word in _WORDS):
        return Named(CONTAINS, not is_later)
    return Named(VAGUE if rest in _VAGUE_NAMES else OTHER, not is_later)


class _Column(NamedTuple):
    position: int
    named: Named
    filled: int
    addresses: int

    @property
    def holds_addresses(self) -> bool:
        least = _NAMED if self.named.rank >= CONTAINS else _UNNAMED
        return self.addresses > 0 and self.addresses >= least * self.filled


def judge(titles: Sequence[str], rows: Sequence[Record]) -> Judged:
    """Say which of these columns the addresses are in. A title may be empty."""
    columns = [_column(position, title, rows) for position, title in enumerate(titles)]
    best = sorted((each for each in columns if each.holds_addresses), key=_worth, reverse=True)
    if best:
        certainty = _certainty(best, titles)
        named_so = [each for each in columns if each.named.rank == PLAIN and each.filled and each not in best]
        if named_so and best[0].named.rank < CONTAINS:
            best, certainty = [*best, *named_so], Certainty.OPEN
        return Judged(tuple(each.position for each in best), certainty)
    by_name = [each for each in columns if each.named.rank >= CONTAINS]
    by_name.sort(key=lambda each: (each.filled > 0, each.named, -each.position), reverse=True)
    return Judged(tuple(each.position for each in by_name), Certainty.SURE)


def _column(position: int, title: str, rows: Sequence[Record]) -> _Column:
    values = [cells[position] for _, cells in rows if position < len(cells) and cells[position]]
    return _Column(position, named(title), len(values), sum(map(is_address, values)))


def _worth(column: _Column) -> tuple[Named, int, int]:
    return column.named, column.addresses, -column.position


def _certainty(best: Sequence[_Column], titles: Sequence[str]) -> Certainty:
    if len(best) == 1:
        return Certainty.SURE
    first, second = best[:2]
    is_told = (
        first.named != second.named
        or (first.named.rank >= CONTAINS and _folded(titles[first.position]) == _folded(titles[second.position]))
        or second.addresses <= _NEARLY_EMPTY * first.addresses
    )
    return Certainty.LIKELY if is_told else Certainty.OPEN

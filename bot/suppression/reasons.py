"""Why an address is suppressed: how strong each reason is, and the words that other mailers have for it."""

from typing import Final

from storage import SuppressionReason

STRENGTH: Final = {
    SuppressionReason.BY_HAND: 1,
    SuppressionReason.BOUNCE: 2,
    SuppressionReason.UNSUBSCRIBED: 3,
    SuppressionReason.COMPLAINT: 4,
    SuppressionReason.ERASED: 5,
}
"""A stronger reason takes the place of a weaker one, however it comes."""

OF_THE_RECIPIENT: Final = frozenset({SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT})
"""What recipients said themselves."""

STAYS: Final = frozenset({SuppressionReason.COMPLAINT, SuppressionReason.ERASED})
"""What no consent takes back."""

WORD_LIMIT: Final = 100  # characters

UNSUBSCRIBE_WORDS: Final = frozenset(
    {"unsubscribe", "unsubscribed", "optout", "opt out", "opted out", "abgemeldet", "désabonné", "désinscrit"}
    | {"dado de baja", "disiscritto", "uitgeschreven"}
)
COMPLAINT_WORDS: Final = frozenset({"complaint", "complained", "spam complaint", "spam", "abuse"})
BOUNCE_WORDS: Final = frozenset({"bounce", "bounced", "hard bounce", "hard bounced", "cleaned", "invalid"})
"""Each as `folded` leaves it."""

_REASONS: Final = {
    **dict.fromkeys(UNSUBSCRIBE_WORDS, SuppressionReason.UNSUBSCRIBED),
    **dict.fromkeys(COMPLAINT_WORDS, SuppressionReason.COMPLAINT),
    **dict.fromkeys(BOUNCE_WORDS, SuppressionReason.BOUNCE),
}


def folded(word: str) -> str:
    """Return a word as it is compared: without case, hyphens and underscores."""
    return " ".join(word.casefold().replace("-", " ").replace("_", " ").split())


def reason_of(word: str) -> SuppressionReason:
    """Return what a word of a file or a program means; one that is not known is a reason of the team's own."""
    return _REASONS.get(folded(word), SuppressionReason.BY_HAND)


def kept_word(word: str) -> str:
    """Return the word to keep beside its reason: none, where it is the reason's own name."""
    word = " ".join(word.split())[:WORD_LIMIT]
    return "" if folded(word) == folded(reason_of(word)) else word

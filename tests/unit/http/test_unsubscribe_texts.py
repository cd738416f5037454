"""In which language a reader sees the unsubscribe page."""

import string

import pytest

from handlers.http.unsubscribe_texts import TEXTS, language_of


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("pl, fr;q=0.4, es;q=0.7", "es"),
        ("PT-br", "pt"),
        ("en;q=0, fr;q=0.1", "fr"),
        ("*", "en"),
        ("ja,*;q=0.5,de;q=0.4", "en"),
        ("de;q=x, fr;q=-1", "en"),
        ("de;q=nan, fr;q=0.1", "fr"),
        (",;,=;q=" * 5_000, "en"),
        ("tlh," * 20 + "de", "en"),
    ],
)
def test_the_language_is_what_the_reader_likes_best_of_those_we_have(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


def test_every_language_says_everything_with_the_same_fields() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for texts in TEXTS.values():
        for text, english in zip(texts, TEXTS["en"], strict=True):
            assert text
            assert fields(text) == fields(english)

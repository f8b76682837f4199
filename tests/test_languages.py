"""Which language somebody writes."""

import pytest

from botconvo.languages import advice_on, language_of

WRITTEN = {
    "en": ["ok so who's playing tonight, i have to eat first and walk the dog"] * 4,
    "de": ["kommst du heute noch vorbei? ich hab gekocht und es ist genug da"] * 4,
    "es": ["hoy no puedo, mañana si quieres quedamos y vemos la película juntos"] * 4,
}


@pytest.mark.parametrize("language", sorted(WRITTEN))
def test_a_few_messages_tell_the_language(language: str) -> None:
    assert language_of(WRITTEN[language]) == language


def test_little_or_nothing_is_no_language() -> None:
    assert language_of([]) is None
    assert language_of(["haha ok", "lol"]) is None
    assert language_of(["https://example.org/" + "a" * 500]) is None


def test_only_other_languages_than_english_need_advice() -> None:
    assert advice_on("en") is None
    assert "de_core_news_sm" in str(advice_on("de"))
    assert "--base" in str(advice_on("vi"))

"""Which language somebody writes, and what to do where the parts that come along speak another.

The detector is py3langid, whose model comes inside its package.
"""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from botconvo.transcript.cleaning import clean_chat

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

__all__ = ["advice_on", "language_of"]

SPOKEN = "en"
"""By the base that comes along and by the noun phrases."""
_LEAST_LETTERS = 200
"""Of fewer the detector knows too little: "haha ok" is no language."""
_MOST_LETTERS = 10_000
_SURE = 0.8
_TOLD_APART = tuple(
    "ar bg ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nl no pl pt ro ru sk"
    " sl sr sv th tr uk vi zh".split()
)
"""Two letters each.  Rarer languages are what the detector takes slang for."""
_PIPELINES = {
    "ca": "ca_core_news_sm",
    "da": "da_core_news_sm",
    "de": "de_core_news_sm",
    "el": "el_core_news_sm",
    "es": "es_core_news_sm",
    "fi": "fi_core_news_sm",
    "fr": "fr_core_news_sm",
    "hr": "hr_core_news_sm",
    "it": "it_core_news_sm",
    "ja": "ja_core_news_sm",
    "nl": "nl_core_news_sm",
    "no": "nb_core_news_sm",
    "pt": "pt_core_news_sm",
    "sv": "sv_core_news_sm",
}
"""spaCy's own pipelines whose languages have noun chunks."""


def language_of(texts: Iterable[str]) -> str | None:
    """The language of most of it as two letters (ISO 639-1); None where that is not clear."""
    whole = ""
    for text in texts:
        whole += f"{clean_chat(text)}\n"
        if len(whole) >= _MOST_LETTERS:
            break
    if sum(map(str.isalpha, whole)) < _LEAST_LETTERS:
        return None
    language, sure = _detector().classify(whole[:_MOST_LETTERS])
    return str(language) if sure >= _SURE else None


def advice_on(language: str) -> str | None:
    """What the owner should know about a clone in this language; None where all is well."""
    if language == SPOKEN:
        return None
    named = _PIPELINES.get(language)
    pipeline = f'such as "{named}"' if named else "if there is one that finds noun phrases"
    return (
        f"the base that comes along knows English alone: train with --base MODEL, one that knows "
        f"{language!r}; so do its noun phrases: install a spaCy pipeline for {language!r}, "
        f"{pipeline}, and name it as spacy_pipeline in config.toml"
    )


@cache
def _detector() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    detector.set_languages(list(_TOLD_APART))
    return detector

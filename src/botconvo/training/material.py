"""What a clone is made of: a corpus, the form of its prompts, and the consent behind it.

It knows nothing of bases, settings or torch, so that it can be made on one computer and trained
on another.
"""

from dataclasses import dataclass
from datetime import timedelta

from botconvo.corpus import Corpus, build_corpus
from botconvo.gathering import Gathered
from botconvo.transcript.cleaning import PROFILES
from model_server.checkpoint.manifest import Consent
from model_server.prompt_format import PromptFormat

__all__ = ["Material", "material_of"]

_CLEANING = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The corpus of ``form.speaker``, under ``consent``."""

    corpus: Corpus
    form: PromptFormat
    consent: Consent


def material_of(gathered: Gathered) -> Material:
    """
    Raises:
        CorpusError: there is too little to train on.
    """
    form = PromptFormat(speaker=gathered.person.name, cleaning=_CLEANING)
    corpus = build_corpus(
        gathered.messages,
        gathered.people,
        form.speaker,
        cleaning=PROFILES[form.cleaning],
        init_after=timedelta(seconds=form.init_after_s),
    )
    record = gathered.record
    consent = Consent(person=record.person, record=record.id, fictional=record.fictional)
    return Material(corpus=corpus, form=form, consent=consent)

"""What every engine starts from: the corpus of a person, and the record that allows a clone."""

from datetime import timedelta

from botconvo.corpus import Corpus, build_corpus
from botconvo.gathering import Gathered
from botconvo.transcript.cleaning import PROFILES
from model_server.checkpoint.manifest import Consent
from model_server.prompt_format import PromptFormat

__all__ = ["build_corpus_of", "consent_of"]


def build_corpus_of(gathered: Gathered, form: PromptFormat) -> Corpus:
    """What ``form.speaker`` is trained and measured on.

    Raises:
        CorpusError: there is too little to train on.
    """
    return build_corpus(
        gathered.messages,
        gathered.people,
        form.speaker,
        cleaning=PROFILES[form.cleaning],
        init_after=timedelta(seconds=form.init_after_s),
    )


def consent_of(gathered: Gathered) -> Consent:
    """What a manifest tells of the record that allows the clone."""
    record = gathered.record
    return Consent(person=record.person, record=record.id, fictional=record.fictional)

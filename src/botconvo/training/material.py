"""What a clone is made of: a corpus, the form of its prompts, and the consent behind it.

It knows nothing of bases, settings or torch, so that it can be made on one computer and trained
on another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from botconvo.consent import heard_digest
from botconvo.corpus import Corpus, build_corpus, learned_manners, observe
from botconvo.gathering import Gathered
from botconvo.transcript.cleaning import PROFILES
from model_server.checkpoint.learned_manners import LearnedManners
from model_server.checkpoint.manifest import Consent
from model_server.prompt_format import PromptFormat

__all__ = ["Material", "material_of"]

_CLEANING = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The corpus of ``form.speaker``, under ``consent``.

    ``heard`` stands for everybody whose lines are in it (``consent.heard_digest``); None where that
    is not known.
    """

    corpus: Corpus
    form: PromptFormat
    consent: Consent
    heard: tuple[str, ...] | None
    manners: LearnedManners | None = None
    """Learned of nothing that is later than the last line to train on."""


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
    return Material(
        corpus=corpus,
        form=form,
        consent=consent,
        heard=_heard(corpus.speakers, gathered, corpus),
        manners=_manners(gathered, corpus, timedelta(seconds=form.init_after_s)),
    )


def _manners(gathered: Gathered, corpus: Corpus, silence: timedelta) -> LearnedManners | None:
    observed = observe(
        gathered.messages,
        gathered.people,
        zone=gathered.zone,
        silence=silence,
        until=corpus.trained_until,
    )
    own = observed.get(corpus.speaker)
    return None if own is None else learned_manners(own, zone=gathered.zone)


def _heard(names: Iterable[str], gathered: Gathered, corpus: Corpus) -> tuple[str, ...]:
    people = {gathered.ids[name] for name in names if name in gathered.ids}
    return tuple(sorted(heard_digest(person, corpus.digest()) for person in people))

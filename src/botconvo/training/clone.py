"""The whole way of a clone: corpus, windows, training, checkpoint.

It knows nothing of the command line or of config.toml.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from botconvo.corpus import Corpus, Session, build_corpus
from botconvo.errors import CorpusError
from botconvo.gathering import Gathered
from botconvo.training.bases import Base, build_tokenizer
from botconvo.training.examples import Encode, Window, pack, windows_of
from botconvo.training.finish import Losses, Made, check_target, write_clone
from botconvo.training.network import Network, choose_device, make_gpt2
from botconvo.training.progress import Reporter
from botconvo.training.settings import TrainingSettings
from botconvo.training.state import StateFile
from botconvo.training.trainer import Examples, Trained, train
from botconvo.transcript.cleaning import PROFILES
from model_server.checkpoint.formats import reserved_of
from model_server.checkpoint.gguf_files import read_gpt2
from model_server.checkpoint.manifest import Consent
from model_server.prompt_format import PromptFormat

__all__ = ["Prepared", "make_examples", "prepare", "train_clone"]

_CLEANING = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that can begin."""

    gathered: Gathered
    corpus: Corpus
    base: Base
    form: PromptFormat
    settings: TrainingSettings
    examples: Examples

    @property
    def digest(self) -> str:
        """Of everything that the outcome depends on, but for the machine."""
        return self.settings.digest(
            self.corpus.digest(), self.base.checkpoint.manifest.weights.sha256, self.form.digest()
        )


def prepare(gathered: Gathered, base: Base, settings: TrainingSettings) -> Prepared:
    """Build corpus and windows; nothing is written.

    Raises:
        CorpusError: there is too little to train on, or to measure on.
    """
    form = PromptFormat(
        speaker=gathered.person.name,
        cleaning=_CLEANING,
        reserved=reserved_of(base.tokens.typed),
    )
    corpus = build_corpus(
        gathered.messages,
        gathered.people,
        form.speaker,
        cleaning=PROFILES[form.cleaning],
        init_after=timedelta(seconds=form.init_after_s),
    )
    context = base.checkpoint.manifest.architecture.context
    if settings.block > context:
        settings = replace(settings, block=context)
    return Prepared(
        gathered=gathered,
        corpus=corpus,
        base=base,
        form=form,
        settings=settings,
        examples=make_examples(corpus, form, base, settings),
    )


def make_examples(
    corpus: Corpus, form: PromptFormat, base: Base, settings: TrainingSettings
) -> Examples:
    """Packed rows of both parts of a corpus.

    Raises:
        CorpusError: nothing was held out.
    """
    tokenizer = build_tokenizer(base.tokens)

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    train_rows = _rows(corpus.train, form, encode, settings, settings.context_weight)
    held_out = _rows(corpus.held_out, form, encode, settings, 0.0)
    if not held_out:
        raise CorpusError(
            f"nothing of {form.speaker} could be held out to measure on; "
            f"import more of what {form.speaker} wrote"
        )
    return Examples(train=train_rows, held_out=held_out, pad=base.tokens.end_of_text)


def _rows(
    sessions: Iterable[Session],
    form: PromptFormat,
    encode: Encode,
    settings: TrainingSettings,
    context_weight: float,
) -> tuple[tuple[Window, ...], ...]:
    windows = windows_of(
        (session.lines for session in sessions),
        form,
        encode,
        block=settings.block,
        overlap=settings.overlap,
        context_weight=context_weight,
    )
    return pack(windows, settings.block)


def train_clone(
    prepared: Prepared,
    folder: Path,
    *,
    state: Path,
    device: str,
    reporter: Reporter,
    stopped: Callable[[], bool],
    now: datetime,
) -> Trained:
    """Train, and write the checkpoint if the run was not stopped.

    ``state`` is the file in which a stopped run is kept; it is gone once the checkpoint stands.

    Raises:
        TrainingError: the run cannot begin or go on, or ``folder`` holds something else.
        CheckpointError: the disk refuses; an older checkpoint is as it was.
        EngineError: the engine cannot use what was trained.
    """
    check_target(folder, prepared.form.speaker)
    weights, architecture, _ = read_gpt2(prepared.base.checkpoint.base_path)
    network = Network(make_gpt2(weights, architecture), prepared.settings, choose_device(device))
    kept = StateFile(state, prepared.digest)
    with reporter:
        trained = train(network, prepared.examples, prepared.settings, kept, reporter, stopped)
    if trained.finished:
        write_clone(folder, network.deltas(), prepared.base, _made(prepared, trained), now)
        kept.remove()
    return trained


def _made(prepared: Prepared, trained: Trained) -> Made:
    record = prepared.gathered.record
    return Made(
        form=prepared.form,
        consent=Consent(person=record.person, record=record.id, fictional=record.fictional),
        corpus_sha256=prepared.corpus.digest(),
        settings=prepared.settings,
        losses=Losses(base=trained.base_loss, clone=trained.best_loss, epoch=trained.best_epoch),
    )

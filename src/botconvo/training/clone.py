"""The whole way of a clone by transformers: corpus, windows, training, checkpoint.

It knows nothing of the command line or of config.toml.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import torch

from botconvo.corpus import Corpus, Session
from botconvo.errors import CorpusError, TrainingError
from botconvo.gathering import Gathered
from botconvo.training.bases import BASE_DIGEST, Base, encoder_of
from botconvo.training.estimate import Need, fits, memory_needed, smaller
from botconvo.training.examples import Encode, Window, lesson_window, pack, windows_of
from botconvo.training.finish import (
    Made,
    Written,
    check_target,
    forgotten_meanwhile,
    write_clone,
)
from botconvo.training.lessons import Lesson, lessons_digest
from botconvo.training.material import Material, material_of
from botconvo.training.memory import free_memory, is_out_of_memory
from botconvo.training.network import (
    Network,
    choose_device,
    free_on,
    is_half,
    model_of,
)
from botconvo.training.progress import Reporter, gigabytes
from botconvo.training.settings import KEPT_VERSIONS, TrainingSettings
from botconvo.training.state import StateFile
from botconvo.training.trainer import Examples, Rows, Trained, train
from model_server.checkpoint.formats import reserved_of
from model_server.checkpoint.gguf_adapter import write_lora
from model_server.checkpoint.gguf_writing import write_model
from model_server.checkpoint.learned_manners import LearnedManners
from model_server.checkpoint.manifest import Consent
from model_server.prompt_format import PromptFormat

__all__ = [
    "Prepared",
    "check_memory",
    "make_examples",
    "prepare",
    "prepare_material",
    "train_clone",
    "write_weights",
]

_LIBRARIES = ("torch", "transformers", "peft", "tokenizers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that can begin."""

    corpus: Corpus
    base: Base
    form: PromptFormat
    consent: Consent
    heard: tuple[str, ...] | None
    manners: LearnedManners | None
    settings: TrainingSettings
    examples: Examples
    lessons: tuple[Lesson, ...] = ()

    @property
    def digest(self) -> str:
        """Of everything that the outcome depends on, but for the machine."""
        taught = (lessons_digest(self.lessons),) if self.lessons else ()
        return self.settings.digest(
            self.corpus.digest(),
            self.base.checkpoint.manifest.weights.sha256,
            self.form.digest(),
            *taught,
        )


def prepare(gathered: Gathered, base: Base, settings: TrainingSettings) -> Prepared:
    """Build corpus and windows; nothing is written.

    Raises:
        CorpusError: there is too little to train on, or to measure on.
    """
    return prepare_material(material_of(gathered), base, settings)


def prepare_material(material: Material, base: Base, settings: TrainingSettings) -> Prepared:
    """Build windows of what was gathered here or elsewhere.

    Raises:
        CorpusError: there is too little to measure on.
    """
    settings = settings.for_base(base.parameters, base.plan.architecture.context)
    form = replace(material.form, reserved=reserved_of(base.tokens.typed))
    return Prepared(
        corpus=material.corpus,
        base=base,
        form=form,
        consent=material.consent,
        heard=material.heard,
        manners=material.manners,
        settings=settings,
        examples=make_examples(material.corpus, form, base, settings, material.lessons),
        lessons=material.lessons,
    )


def make_examples(
    corpus: Corpus,
    form: PromptFormat,
    base: Base,
    settings: TrainingSettings,
    lessons: Sequence[Lesson] = (),
) -> Examples:
    """Packed rows of both parts of a corpus; the lessons stand among those to train on.

    Raises:
        CorpusError: nothing was held out.
    """
    encode, first = encoder_of(base), base.tokens.begin_of_text
    begin = () if first is None else (first,)
    own_alone = replace(settings, context_weight=0.0, head_weight=0.0)
    block = settings.block
    taught = (
        lesson_window(each.lines, form, encode, weight=each.weight, block=block, begin=begin)
        for each in lessons
    )
    lines = _windows(corpus.train, form, encode, begin, settings)
    train_rows = pack((*lines, *(window for window in taught if window is not None)), block)
    held_out = pack(_windows(corpus.held_out, form, encode, begin, own_alone), block)
    if not held_out:
        raise CorpusError(
            f"nothing of {form.speaker} could be held out to measure on; "
            f"import more of what {form.speaker} wrote"
        )
    alike = replace(settings, context_weight=1.0, head_weight=0.0)
    return Examples(
        train=train_rows,
        held_out=held_out,
        pad=base.tokens.end_of_text,
        everybody=pack(_windows(corpus.train, form, encode, begin, alike), block)
        if settings.everybody != 0.0
        else (),
    )


def _windows(
    sessions: Iterable[Session],
    form: PromptFormat,
    encode: Encode,
    begin: tuple[int, ...],
    settings: TrainingSettings,
) -> tuple[Window, ...]:
    return windows_of(
        (session.lines for session in sessions),
        form,
        encode,
        block=settings.block,
        overlap=settings.overlap,
        context_weight=settings.context_weight,
        head_weight=settings.head_weight,
        begin=begin,
    )


def train_clone(
    prepared: Prepared,
    folder: Path,
    *,
    state: Path,
    device: str,
    reporter: Reporter,
    stopped: Callable[[], bool],
    now: datetime,
    allowed: Callable[[], bool] = lambda: True,
    keep: int = KEPT_VERSIONS,
) -> Trained:
    """Train, and write the checkpoint if the run was not stopped.

    ``state`` is the file in which a stopped run is kept; it is gone once the checkpoint stands.
    ``allowed`` says at the end whether nobody was forgotten meanwhile, whose lines may be in it;
    ``keep`` older versions of the clone stay beside it.

    Raises:
        TrainingError: the run cannot begin or go on, ``folder`` holds something else, or what was
            trained cannot be served.
        CheckpointError: the disk refuses; an older checkpoint is as it was.
    """
    check_target(folder, prepared.form.speaker)
    chosen = choose_device(device)
    kept = StateFile(state, prepared.digest)
    needed, free = check_memory(prepared, chosen)
    try:
        network = Network(model_of(prepared.base), prepared.settings, chosen)
        with reporter:
            trained = train(
                network,
                prepared.examples,
                prepared.settings,
                kept,
                reporter,
                stopped,
                memory=(needed.gpu or needed.computer, free.gpu or free.computer),
            )
    except (RuntimeError, MemoryError) as error:
        raise _out_of_memory(error, prepared.base) from None
    if not allowed():
        kept.remove()
        raise forgotten_meanwhile(prepared.form.speaker)
    if trained.finished:
        made = _made(prepared, trained)
        write_clone(
            folder, lambda scratch: write_weights(scratch, network, prepared), made, now, keep
        )
        kept.remove()
    return trained


def check_memory(prepared: Prepared, device: torch.device) -> tuple[Need, Need]:
    """What a run will need, and what is free, in bytes.

    Raises:
        TrainingError: it cannot fit; the line says what would, if anything.
    """
    free = Need(computer=free_memory(), gpu=free_on(device))
    weighted = max(map(_weighted, (prepared.examples.train, prepared.examples.everybody)))

    def need(settings: TrainingSettings) -> Need:
        return memory_needed(
            prepared.base.sizes,
            settings,
            half=is_half(settings.precision, device),
            weighted=weighted,
            gpu=device.type == "cuda",
        )

    needed = need(prepared.settings)
    if fits(needed, free):
        return needed, free
    tried = ((settings, need(settings)) for settings in smaller(prepared.settings))
    better = next(((settings, less) for settings, less in tried if fits(less, free)), None)
    raise TrainingError(
        f"training on {prepared.base.name} needs about {_in_words(needed)} of memory, and "
        f"{_in_words(free)} are free; "
        + (
            "close other programs, or take a smaller base"
            if better is None
            else f"take {_options(better[0], prepared.settings)} (about {_in_words(better[1])})"
        )
    )


def _weighted(rows: Rows) -> float:
    """The share of tokens that count, each of which goes through the whole vocabulary."""
    weights = [weight for row in rows for window in row for weight in window.weights]
    return sum(weight != 0 for weight in weights) / max(1, len(weights))


def _in_words(need: Need) -> str:
    return gigabytes(need.computer) + (f" and {gigabytes(need.gpu)} of a GPU's" * bool(need.gpu))


def _options(wanted: TrainingSettings, given: TrainingSettings) -> str:
    """What has to be typed to have it so."""
    words = {
        "--method": (wanted.method, given.method),
        "--batch": (wanted.batch, given.batch),
        "--accumulate": (wanted.accumulate, given.accumulate),
        "--block-size": (wanted.block, given.block),
    }
    return " ".join(f"{word} {new}" for word, (new, old) in words.items() if new != old)


def _out_of_memory(error: Exception, base: Base) -> Exception:
    if not is_out_of_memory(error):
        return error
    return TrainingError(
        f"the memory is too short to train {base.name} ({base.parameters / 1e6:.0f} million "
        "weights); take a smaller --batch or --block-size, --method lora, or a smaller base"
    )


def write_weights(scratch: Path, network: Network, prepared: Prepared) -> Written:
    """Write what a network has learned into a file in ``scratch``."""
    base, settings, name = prepared.base, prepared.settings, prepared.form.speaker
    if settings.method == "lora":
        path = scratch / "adapter.gguf"
        write_lora(path, network.deltas(), alpha=settings.alpha, plan=base.plan, name=name)
    else:
        path = scratch / "model.gguf"
        write_model(
            path,
            base.plan,
            network.weights(),
            base.tokens,
            quantization=settings.save_as,
            name=name,
        )
    return Written(
        weights=path,
        base=base if settings.method == "lora" else None,
        architecture=base.plan.architecture,
        tokenizer_sha256=base.checkpoint.manifest.tokenizer_sha256,
    )


def _made(prepared: Prepared, trained: Trained) -> Made:
    until = prepared.corpus.trained_until  # what lies later can be evaluated on
    return Made(
        form=prepared.form,
        consent=prepared.consent,
        corpus_sha256=prepared.corpus.digest(),
        heard=prepared.heard,
        manners=prepared.manners,
        training={
            "engine": "transformers",
            **asdict(prepared.settings),
            "base": prepared.base.name,
            BASE_DIGEST: prepared.base.checkpoint.manifest.weights.sha256,
            "held_out_loss_of_base": round(trained.base_loss, 4),
            "held_out_loss": round(trained.best_loss, 4),
            "held_out_perplexity": round(math.exp(min(trained.best_loss, 700.0)), 2),
            "best_epoch": round(trained.best_epoch, 2),
            "trained_until": None if until is None else until.isoformat(),
            **({"corrections": len(prepared.lessons)} if prepared.lessons else {}),
        },
        libraries=_LIBRARIES,
    )

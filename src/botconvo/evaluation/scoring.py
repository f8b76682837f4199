"""What a clone's network makes of given words: losses of sessions, and of replies in a context.

It runs in torch, because a model server scores only what it says itself.  An adapter is added to
the base's weights, so that a network is one model whatever it was trained as.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

from botconvo.corpus import Session
from botconvo.errors import TrainingError
from botconvo.evaluation.evidence import Place
from botconvo.evaluation.ranking import Trial
from botconvo.training.bases import BASE_DIGEST, Base, base_with, encoder_of, open_base
from botconvo.training.examples import Encode, Piece, encode_lines, windows_of
from botconvo.training.network import Network, choose_device, model_of
from botconvo.training.settings import TrainingSettings
from botconvo.transcript.grammar import Command, Line
from model_server.checkpoint.folder import Checkpoint
from model_server.checkpoint.gguf_adapter import linear_layers
from model_server.checkpoint.gguf_files import plan_gpt2
from model_server.checkpoint.gguf_header import read_header
from model_server.checkpoint.gguf_writing import Array, Plan, in_turns
from model_server.checkpoint.manifest import MANIFEST_NAME
from model_server.checkpoint.tokens import tokens_of
from model_server.prompt_format import PromptFormat

__all__ = ["Loss", "Scorer", "base_folder", "scoring_base", "with_adapter", "words_of"]

_SETTINGS = TrainingSettings(method="full")
_MOST_WINDOWS = 40
"""Of a friend's later sessions; more make the interval no narrower that anybody reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Nats over ``tokens`` tokens of a friend's own words in one session."""

    session: int
    nats: float
    tokens: float


def base_folder(checkpoint: Checkpoint, *, bases: Path) -> Path | None:
    """Where the base lies that a clone was trained from; None where it is not here.

    Whole weights do not need their base: it is the bundled one or one in ``bases``, or gone.
    """
    if checkpoint.adapter_path is not None:
        folder = checkpoint.base_path.parent
        return folder if (folder / MANIFEST_NAME).is_file() else None
    return base_with(checkpoint.manifest.training.get(BASE_DIGEST), bases)


def scoring_base(checkpoint: Checkpoint, *, bases: Path) -> Base:
    """The base of a clone, or the clone itself where all its weights were trained.

    Raises:
        TrainingError: torch cannot be given this model.
    """
    if checkpoint.adapter_path is not None:
        return open_base(checkpoint.base_path.parent, bases=bases)
    if (folder := base_folder(checkpoint, bases=bases)) is not None:
        name = checkpoint.folder.name
        return replace(open_base(folder, bases=bases), checkpoint=checkpoint, name=name)
    architecture = checkpoint.manifest.architecture
    if architecture.name != "gpt2":
        raise TrainingError(
            f"{checkpoint.folder}: whole weights of a {architecture.name} cannot be scored; "
            "only its messages are evaluated"
        )
    path = checkpoint.base_path
    return Base(
        checkpoint=checkpoint,
        tokens=tokens_of(path, read_header(path)),
        name=checkpoint.folder.name,
        bundled=False,
        plan=plan_gpt2(architecture),
        config=None,
        tokenizer=None,
    )


def with_adapter(
    weights: Iterable[tuple[str, Array]], plan: Plan, adapter: Path
) -> Iterator[tuple[str, Array]]:
    """The weights with a LoRA adapter added in: W + alpha / rank * (B A)."""
    reader = gguf.GGUFReader(adapter)
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    halves = {tensor.name: np.array(tensor.data, dtype=np.float32) for tensor in reader.tensors}
    layers = {wanted.theirs: wanted for wanted in linear_layers(plan).values()}
    for name, array in weights:
        wanted = layers.get(name)
        if wanted is not None and f"{wanted.ours}.lora_a" in halves:
            a, b = halves[f"{wanted.ours}.lora_a"], halves[f"{wanted.ours}.lora_b"]
            delta = (alpha / len(a)) * (b @ a)
            if wanted.heads:
                turned = np.empty_like(delta)
                turned[in_turns(len(delta), wanted.heads)] = delta
                delta = turned
            array = array + (delta.T if wanted.transposed else delta)
        yield name, array


class Scorer:
    """A base, with an adapter or without, that says how likely words are."""

    def __init__(self, base: Base, adapter: Path | None, device: str = "auto") -> None:
        self._base = base
        self._encode: Encode = encoder_of(base)
        first = base.tokens.begin_of_text
        self._begin = () if first is None else (first,)
        self._block = _SETTINGS.for_base(base.parameters, base.plan.architecture.context).block
        model = (
            model_of(base)
            if adapter is None
            else model_of(base, lambda weights: with_adapter(weights, base.plan, adapter))
        )
        self._network = Network(model, _SETTINGS, choose_device(device))
        self._module: Any = self._network.module
        self._module.eval()
        self._alone: dict[tuple[PromptFormat, str], float] = {}
        """Of replies behind nothing: the same lines are candidates again and again."""

    def losses(
        self, sessions: Sequence[tuple[int, Session]], form: PromptFormat, speaker: str
    ) -> tuple[Loss, ...]:
        """Of ``speaker``'s own words in each session, in context."""
        form = replace(form, speaker=speaker)
        windows = [
            (number, window)
            for number, session in sessions
            if session.said_by(speaker)
            for window in windows_of(
                [words_of(session)],
                form,
                self._encode,
                block=self._block,
                overlap=self._block * 3 // 8,
                begin=self._begin,
            )
        ]
        result = []
        for number, window in windows[:: max(1, -(-len(windows) // _MOST_WINDOWS))]:
            mean, count = self._network.mean_loss([[window]], batch=1, pad=self._pad)
            result.append(Loss(session=number, nats=mean * count, tokens=count))
        return tuple(result)

    def weigh(self, place: Place, form: PromptFormat) -> tuple[float, int]:
        """The log-probability of what was said at a place, in nats, and its tokens."""
        said = place.line.argument
        tokens = self._encode(said)
        return self._replies(place.context, [said], form)[0], max(1, len(tokens))

    @property
    def _pad(self) -> int:
        return self._base.tokens.end_of_text

    def gains(self, trial: Trial, form: PromptFormat) -> list[float]:
        """What the context adds to each candidate's log-probability, in nats."""
        inside = self._replies(trial.place.context, trial.candidates, form)
        new = [text for text in dict.fromkeys(trial.candidates) if (form, text) not in self._alone]
        if new:
            found = self._replies((), new, form)
            self._alone.update(
                ((form, text), score) for text, score in zip(new, found, strict=True)
            )
        return [
            score - self._alone[form, text]
            for text, score in zip(trial.candidates, inside, strict=True)
        ]

    def _replies(
        self, context: Sequence[Line], candidates: Sequence[str], form: PromptFormat
    ) -> list[float]:
        said = [Line(name=form.speaker, argument=text) for text in candidates]
        replies = [encode_lines([line], form, self._encode, self._begin)[0] for line in said]
        longest = max(len(piece.tokens) - piece.head for piece in replies)
        room = self._block - longest - max(piece.head for piece in replies)
        prompt = self._prompt(encode_lines(context, form, self._encode, self._begin), room)
        head = replies[0].tokens[: replies[0].head]
        if not prompt:
            head = replies[0].first[: replies[0].first_head]
        return self._continue([*prompt, *head], [piece.tokens[piece.head :] for piece in replies])

    def _prompt(self, pieces: Sequence[Piece], room: int) -> list[int]:
        """The last lines that fit into ``room`` tokens."""
        start, used = len(pieces), 0
        while start and used + pieces[start - 1].size <= room:
            start -= 1
            used += pieces[start].size
        kept = pieces[start:]
        return [t for i, piece in enumerate(kept) for t in (piece.tokens if i else piece.first)]

    @torch.inference_mode()
    def _continue(self, prompt: Sequence[int], replies: Sequence[Sequence[int]]) -> list[float]:
        """Log-probability of each reply behind the prompt, which is read only once."""
        device, width = self._network.device, max(map(len, replies))
        rows = torch.full((len(replies), width), self._pad, dtype=torch.long)
        counted = torch.zeros(rows.shape)
        for number, reply in enumerate(replies):
            rows[number, : len(reply)] = torch.tensor(reply)
            counted[number, : len(reply)] = 1.0
        rows, counted = rows.to(device), counted.to(device)
        read = self._module(
            input_ids=torch.tensor([prompt], device=device), use_cache=True, logits_to_keep=1
        )
        logits = read.logits.expand(len(replies), -1, -1)
        if width > 1:
            cache = read.past_key_values
            cache.batch_repeat_interleave(len(replies))
            later = self._module(input_ids=rows[:, :-1], past_key_values=cache, use_cache=True)
            logits = torch.cat([logits, later.logits], dim=1)
        chosen = torch.log_softmax(logits.float(), dim=-1).gather(2, rows[..., None])[..., 0]
        summed: list[float] = (chosen * counted).sum(dim=1).tolist()
        return summed


def words_of(session: Session) -> tuple[Line, ...]:
    """A session without the silence that ends it: nobody says that."""
    return tuple(
        line
        for place, line in enumerate(session.lines)
        if place == 0 or line.command is not Command.INIT
    )

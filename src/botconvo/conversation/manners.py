"""How a talk behaves: every number of a preset, in one table.

``classic`` is BotConvo as it was: uniform speakers, a noun phrase of the last message in front,
five samples, the longest wins.  ``group-chat`` is the default: the transcript as context, weighted
turns, replies chosen for how they fit.  Any field can be overridden in ``config.toml``.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from botconvo.errors import ConfigError
from botconvo.personas import Sampling

__all__ = ["PRESETS", "Manners", "manners"]

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """The numbers of a talk.  Ranges are drawn from uniformly; times are in seconds."""

    speakers: Literal["uniform", "weighted"] = "weighted"
    """Who takes a free turn: anyone alike, or by talkativeness and how long they were silent."""
    same_speaker: float = 0.12
    """Weight of whoever spoke last, against 1 for the others (0 = never twice in a row)."""
    named_speaker: float = 0.9
    """Probability that a persona that a clone names takes the turn.  People are always obeyed."""
    fresh_share: float = 0.02
    """Probability that a turn without a person's message starts a new topic."""
    fresh_after: int = 24
    """After so many messages on one topic a new one is started."""
    context_lines: int = 14
    """Transcript lines in the prompt; 0 leaves them out."""
    opening_share: float = 0.1
    """Probability that a reply has to begin with a noun phrase of the message that it takes up."""
    samples: int = 5
    """Completions drawn for every turn."""
    choose: Literal["longest", "fitting"] = "fitting"
    temperature: Range = (0.75, 0.75)
    max_tokens: tuple[int, int] = (60, 60)
    top_k: int = 0
    top_p: float = 0.95
    repetition_penalty: float = 1.0
    gap_s: Range = (1.0, 3.0)
    """Silence after a post."""
    typing_per_s: float = 15.0
    """Characters typed in a second; 0 shows no typing at all."""
    typing_max_s: float = 6.0
    answer_s: Range = (0.3, 1.2)
    """Time until a person's message is taken up."""
    hush_s: float = 6.0
    """Silence kept after a person was last seen typing."""
    turn_limit: int | None = None
    """Clone messages since the last person's message, where people are (None = no limit)."""
    repeat_window: int = 40
    """Messages that a new one must not repeat."""
    retry_s: float = 2.0
    """Pause after a turn that came to nothing, doubled each time up to a minute."""

    def sampling(self, temperature: float, max_tokens: int) -> Sampling:
        return Sampling(
            temperature=temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            repetition_penalty=self.repetition_penalty,
            max_tokens=max_tokens,
        )


PRESETS: dict[str, Manners] = {
    "group-chat": Manners(),
    "classic": Manners(
        speakers="uniform",
        same_speaker=0.0,
        named_speaker=0.0,
        fresh_share=0.3,
        fresh_after=10**9,
        context_lines=0,
        opening_share=1.0,
        samples=5,
        choose="longest",
        temperature=(0.60, 0.79),
        max_tokens=(30, 99),
        top_k=0,
        top_p=1.0,
        repetition_penalty=1.0,
        gap_s=(3.0, 6.999),
        typing_per_s=0.0,
        answer_s=(0.0, 0.0),
        hush_s=0.0,
    ),
}
"""The presets by the name that ``config.toml`` and ``--preset`` use."""


def manners(preset: str, overrides: dict[str, Any] | None = None) -> Manners:
    """A preset with some of its numbers replaced.

    Raises:
        ConfigError: there is no such preset or number, or a value is out of range.
    """
    if preset not in PRESETS:
        raise ConfigError(f"preset {preset!r} does not exist; take one of {', '.join(PRESETS)}")
    unknown = sorted(set(overrides or {}) - set(Manners.__slots__))
    if unknown:
        raise ConfigError(f"conversation.{unknown[0]} is not a setting of a conversation")
    changed = replace(PRESETS[preset], **(overrides or {}))
    _check(changed)
    return changed


_LONGEST_S = 86400.0
_BOUNDS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("same_speaker", "named_speaker", "fresh_share", "opening_share"), (0.0, 1.0)),
    **dict.fromkeys(("fresh_after", "context_lines", "repeat_window", "turn_limit"), (0, 10**9)),
    **dict.fromkeys(("gap_s", "answer_s", "typing_max_s", "hush_s", "retry_s"), (0.0, _LONGEST_S)),
    "typing_per_s": (0.0, 1e6),
    # What a model server takes (``model_server.schemas``).
    "samples": (1, 64),
    "temperature": (0.0, 5.0),
    "max_tokens": (1, 4096),
    "top_k": (0, 10**6),
    "top_p": (0.001, 1.0),
    "repetition_penalty": (0.1, 10.0),
}


def _check(made: Manners) -> None:
    for name, (least, most) in _BOUNDS.items():
        value = getattr(made, name)
        if value is None:
            continue
        numbers = value if isinstance(value, tuple) else (value,)
        if not all(least <= number <= most for number in numbers):
            raise ConfigError(
                f"conversation.{name} = {_shown(value)}: must be from {least:g} to {most:g}"
            )
        if numbers[0] > numbers[-1]:
            raise ConfigError(
                f"conversation.{name} = {_shown(value)}: must be two numbers, the smaller first"
            )


def _shown(value: object) -> str:
    return str(list(value) if isinstance(value, tuple) else value)

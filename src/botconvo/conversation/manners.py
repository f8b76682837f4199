"""How a talk behaves: every number of a preset, in one table.

``classic`` is BotConvo as it was (``docs/classic.md``): uniform speakers, a noun phrase of the last
message in front, five samples, the longest wins.  ``group-chat`` is the default: the transcript as
context, weighted turns, replies chosen for how they fit.  ``friend-simulator`` draws as
FriendSimulator did, for its two modes, ``chat`` and ``generate``.  ``gpt-3-chatbot`` lives as
GPT-3-Chatbot-2.0 did: it acts when its model says so, sleeps, wakes and begins by itself.  Any
field can be overridden in ``config.toml``.

The last numbers of the table are those of a channel with people in it: how long clones go on, when
they are away, how much they say in a day.  ``unattended`` leaves them out.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal

from botconvo.conversation.lifespan import quiet_until
from botconvo.conversation.orders import PhraseLaw
from botconvo.errors import ConfigError
from botconvo.personas import Sampling
from botconvo.zones import zone_of

__all__ = ["PRESETS", "Manners", "manners", "settable"]

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """The numbers of a talk.  Ranges are drawn from uniformly; times are in seconds."""

    speakers: Literal["uniform", "weighted", "scored", "lurk"] = "weighted"
    """Who takes a free turn: anyone alike; by talkativeness and how long they were silent; by how
    likely each one's own model finds its name at the head of the next line; or only somebody whose
    model is as good as sure of that (``lurk_from``)."""
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
    phrase_law: PhraseLaw = "any"
    """Which noun phrase that is: any that was not used lately, or BotConvo's choice."""
    samples: int = 8
    """Completions drawn for every turn."""
    choose: Literal["longest", "fitting", "likely"] = "fitting"
    """Which candidate is said: the longest; the one that takes up most of what was said; or, of
    that and of what the model finds likeliest, the best: more sense of a small model, and less of
    its friend."""
    temperature: Range = (1.0, 1.0)
    """Drawn in hundredths.  1.0 is what was learned; below, a clone says what everybody says.  By
    character n-grams lines drawn at 0.7, 0.85 and 1.0 were told from the friend's with an area of
    0.92, 0.80 and 0.67 (``LOG.md``)."""
    max_tokens: tuple[int, int] = (90, 90)
    count_prompt: bool = False
    """Whether those are the prompt's tokens and the completion's together."""
    top_k: int = 0
    top_p: float = 0.95
    repetition_penalty: float = 1.0
    gap_s: Range = (1.0, 3.0)
    """Silence after a post."""
    typing_per_s: float = 15.0
    """Characters typed in a second; 0 shows no typing at all."""
    typing_max_s: float = 6.0
    answer_s: Range | None = (0.3, 1.2)
    """Time until a person's message is taken up (None = when the silence after a post is over)."""
    hush_s: float = 6.0
    """Silence kept after a person was last seen typing."""
    repeat_window: int = 40
    """Messages that a new one must not repeat."""
    retry_s: float = 2.0
    """Pause after a turn that came to nothing, doubled each time up to a minute."""
    lurk_from: float = 0.8
    """Probability of its own name from which a persona speaks, with ``speakers = "lurk"``."""
    learned_manners: bool = True
    """Whether clones keep to what was learned of their friends: how long they take to answer, how
    many messages they write in a row, at which hours, and how much they talk."""
    delay_s: Range = (0.5, 12.0)
    """What the delays that were learned are brought between (see ``pace.delay_s``)."""
    longest_burst: int = 3
    """Most messages of a clone in a row, if its friend writes so."""
    init_after_s: float | None = None
    """Silence after which a talk begins anew, with ``INIT;`` (None = as the clones have learned).
    """

    company: bool = True
    """Whether people other than the owner can be in the channel; the rest counts only there."""
    turn_limit: int | None = 6
    """Clone messages since the last person's message (None = no limit)."""
    endless: bool = False
    """Whether clones go on without people, past ``turn_limit``; somebody has to want that."""
    opening_turns: int = 2
    """Of ``turn_limit``, kept for a talk that begins by itself."""
    go_on: float = 0.8
    """Probability that clones go on among themselves after a clone's message; else one leaves."""
    cool_down_s: float = 5.0
    """Time in which a persona that has spoken takes no free turn.  Who is spoken to answers."""
    daily_messages: int | None = 300
    """What clones may post in a channel in a day (None = no limit)."""
    brake: float = 0.7
    """Share of the last messages' words that were said before at which clones stop (1 = never).
    In 5,300 windows of people's talk it never went past 0.5."""
    acts: bool = True
    """Whether a clone may also sleep, save a line or send a picture when its model says so."""
    sleep_s: Range | None = (30.0, 3600.0)
    """How long a persona that leaves is away, by GPT-3-Chatbot-2.0's law (None or 0 = never)."""
    asleep_answer: float = 0.125
    """Probability that somebody who is away takes up what is said meanwhile."""
    asleep_named: float = 1.0
    """The same where it is spoken to."""
    start_alone_s: Range | None = (18_000.0, 72_000.0)
    """Silence after which clones begin a talk by themselves, by that law (None or 0 = never)."""
    quiet_hours: tuple[str, ...] = ()
    """Times of day at which clones say nothing: "23:00-07:30"."""
    time_zone: str = "UTC"
    """Whose hours and days those are: a name of the IANA database, such as "Europe/Berlin"."""

    def unattended(self) -> "Manners":
        """The same where nobody has to be protected from a long talk."""
        return replace(
            self,
            company=False,
            turn_limit=None,
            go_on=1.0,
            cool_down_s=0.0,
            daily_messages=None,
            brake=1.0,
            acts=False,
            sleep_s=None,
            start_alone_s=None,
            quiet_hours=(),
        )

    @property
    def limit(self) -> int | None:
        """Clone messages since the last person's message; None where there is no limit."""
        return None if self.endless else self.turn_limit

    def sampling(self, temperature: float, max_tokens: int) -> Sampling:
        return Sampling(
            temperature=temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            repetition_penalty=self.repetition_penalty,
            max_tokens=max_tokens,
        )

    def drawn(self, own: Sampling, draw: Callable[[str], Random]) -> Sampling:
        """How one ask is drawn: a persona's ``own`` settings, and for the rest these numbers."""
        lowest, highest = (round(100 * temperature) for temperature in self.temperature)
        temperature = draw("temperature").randint(lowest, highest) / 100
        sampling = own.over(self.sampling(temperature, draw("length").randint(*self.max_tokens)))
        if self.count_prompt:
            return replace(sampling, max_total_tokens=sampling.max_tokens)
        return sampling


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
        phrase_law="classic",
        samples=5,
        choose="longest",
        temperature=(0.60, 0.79),
        max_tokens=(30, 99),
        count_prompt=True,
        top_k=0,
        top_p=1.0,
        repetition_penalty=1.0,
        gap_s=(3.0, 6.999),
        typing_per_s=0.0,
        learned_manners=False,
        answer_s=None,
        hush_s=0.0,
        go_on=1.0,
        cool_down_s=0.0,
        acts=False,
        sleep_s=None,
        start_alone_s=None,
    ),
    "friend-simulator": Manners(
        opening_share=0.0,
        samples=2,
        temperature=(0.4, 0.4),
        max_tokens=(65, 65),  # of the 128 in all that were left when 63 were the context
        learned_manners=False,
        top_k=50,
        top_p=0.95,
        repetition_penalty=1.15,
    ),
    "gpt-3-chatbot": Manners(
        context_lines=8,
        opening_share=0.0,
        samples=1,
        temperature=(0.8, 0.8),
        max_tokens=(50, 50),
        top_p=1.0,
        typing_max_s=60.0,
        learned_manners=False,
        init_after_s=120.0,
        asleep_named=0.125,
    ),
}
"""The presets by the name that ``config.toml`` and ``--preset`` use."""


def settable() -> frozenset[str]:
    """The names of what an owner may set; who can be in a channel is its platform's word."""
    return frozenset(Manners.__slots__) - {"company"}


def manners(preset: str, overrides: dict[str, Any] | None = None) -> Manners:
    """A preset with some of its numbers replaced.

    Raises:
        ConfigError: there is no such preset or number, or a value is out of range.
    """
    if preset not in PRESETS:
        raise ConfigError(f"preset {preset!r} does not exist; take one of {', '.join(PRESETS)}")
    unknown = sorted(set(overrides or {}) - settable())
    if unknown:
        raise ConfigError(f"conversation.{unknown[0]} is not a setting of a conversation")
    changed = replace(PRESETS[preset], **(overrides or {}))
    _check(changed)
    return changed


_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_LONGEST_S = 86400.0
_SHARES = (
    "same_speaker",
    "named_speaker",
    "fresh_share",
    "opening_share",
    "lurk_from",
    "go_on",
    "brake",
    "asleep_answer",
    "asleep_named",
)
_COUNTS = ("fresh_after", "context_lines", "repeat_window", "opening_turns")
_TIMES = (
    "gap_s",
    "answer_s",
    "delay_s",
    "typing_max_s",
    "hush_s",
    "retry_s",
    "init_after_s",
    "cool_down_s",
)
_LIFETIMES = ("sleep_s", "start_alone_s")
_BOUNDS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(_SHARES, (0.0, 1.0)),
    **dict.fromkeys(_COUNTS, (0, 10**9)),
    **dict.fromkeys(_TIMES, (0.0, _LONGEST_S)),
    **dict.fromkeys(_LIFETIMES, (0.0, 365 * _LONGEST_S)),
    **dict.fromkeys(("turn_limit", "daily_messages", "longest_burst"), (1, 10**9)),
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
    _check_hours(made)


def _check_hours(made: Manners) -> None:
    try:
        zone_of(made.time_zone)
    except ValueError as error:
        raise ConfigError(f"conversation.time_zone: {error}") from None
    try:
        quiet_until(_SOME_TIME, made.quiet_hours, made.time_zone)
    except ValueError as error:
        raise ConfigError(f"conversation.quiet_hours: {error}") from None


def _shown(value: object) -> str:
    return str(list(value) if isinstance(value, tuple) else value)

"""What becomes of a model's answer: a line to be posted, an act that puts nothing out, or nothing.

Pure; the candidates were read and filtered before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from botconvo.conversation.acts import act_of, is_wordless, judged, picked_act
from botconvo.conversation.choice import RECENT, choose
from botconvo.conversation.events import Answered, Candidate, OrderId
from botconvo.conversation.history import History
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Ask, Post, PromptSource, Trace
from botconvo.messages import ChannelId, MessageId
from botconvo.personas import Persona
from botconvo.transcript.grammar import Line

__all__ = ["Deed", "picked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """An act that puts nothing into the channel, about the message that it may be about."""

    line: Line
    target: MessageId | None


def picked(
    answer: Answered,
    ask: Ask,
    *,
    reason: str,
    channel: ChannelId,
    history: History,
    hearers: Sequence[Persona],
    manners: Manners,
    rng: Random,
) -> Post | Deed | None:
    """The best that an answer holds; None where nothing of it is fit to be said.

    ``hearers`` holds whoever speaks, unless it has left; ``reason`` is why it is this persona's
    turn, ``rng`` decides whether an act is done.
    """
    reply_to, last = history.targets(channel, ask.target, hearers)
    found = _judged(answer, ask, reply_to or last, history, manners)
    wordless = picked_act(found, rng)
    if wordless is not None:
        line = found[wordless].line
        assert line is not None
        return Deed(line=line, target=reply_to)
    speaking = tuple(
        replace(each, verdict="silent") if is_wordless(each) else each for each in found
    )
    chosen, scored = choose(
        speaking,
        manners=manners,
        recent=() if ask.source is PromptSource.FRESH else history.texts(RECENT),
        phrase=answer.phrase,
    )
    act = None if chosen is None else act_of(scored[chosen], reply_to, last)
    if chosen is None or act is None:
        return None
    trace = Trace(
        source=ask.source,
        target=ask.target,
        prompt=answer.prompt,
        phrase=answer.phrase,
        candidates=scored,
        chosen=chosen,
        reason=reason,
        latency_ms=answer.latency_ms,
        seed=ask.seed,
    )
    post_id = OrderId(ask.id.removesuffix("ask") + "post")
    return Post(id=post_id, persona=ask.persona, act=act, trace=trace)


def _judged(
    answer: Answered, ask: Ask, about: MessageId | None, history: History, manners: Manners
) -> tuple[Candidate, ...]:
    said = history.texts(manners.repeat_window)
    opening = (answer.phrase or "") if ask.open_with_phrase else ""
    given = history.emoji_of(ask.persona, about) if manners.company else frozenset[str]()
    return tuple(judged(each, manners, said, opening, given) for each in answer.candidates)

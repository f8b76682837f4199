"""What a watcher sees, as the JSON that the page reads.

It knows neither sockets nor the page's looks.  Every text in it has gone through ``visible``; the
page still inserts it as text only.
"""

from typing import Any, assert_never

from botconvo.conversation.events import Candidate
from botconvo.conversation.orders import Trace
from botconvo.game.rounds import Round, Verdict, verdict_words
from botconvo.game.score import of_player
from botconvo.messages import ChannelId, Message
from botconvo.platforms.local import visible, visible_name
from botconvo.ports import (
    Answer,
    Shown,
    ShownDraft,
    ShownMessage,
    ShownReaction,
    ShownRemoval,
    ShownState,
    ShownTyping,
)

__all__ = ["noted_json", "refused_json", "round_json", "shown_json", "verdict_json"]

Json = dict[str, Any]


def shown_json(channel: ChannelId, shown: Shown) -> Json:
    """One item of a channel; ``type`` says which, ``channel`` where."""
    return {"channel": channel, **_item(shown)}


def _item(shown: Shown) -> Json:
    match shown:
        case ShownMessage(message=message, trace=trace):
            return {"type": "message", **_message(message), "trace": _trace(trace)}
        case ShownTyping(persona=persona):
            return {"type": "typing", "persona": visible_name(persona)}
        case ShownReaction():
            return {
                "type": "reaction",
                "message": shown.message,
                "emoji": visible(shown.emoji),
                "by": visible_name(shown.author),
                "trace": _trace(shown.trace),
            }
        case ShownRemoval(message=gone):
            return {"type": "removal", "message": gone}
        case ShownState():
            return {"type": "state", **_state(shown)}
        case _:
            assert_never(shown)


def _message(message: Message) -> Json:
    return {
        "id": message.id,
        "author": {"name": visible_name(message.author.name), "kind": message.author.kind},
        "text": visible(message.text),
        "at": message.at.isoformat(),
        "replyTo": message.reply_to,
        "revision": message.revision,
        "attachments": [
            {"kind": each.kind, "name": visible(each.name)} for each in message.attachments
        ],
        "reactions": [
            {
                "emoji": visible(each.emoji),
                "by": visible_name(each.author.name) if each.author else "someone",
            }
            for each in message.reactions
        ],
    }


def _state(state: ShownState) -> Json:
    return {
        "paused": state.paused,
        "speed": state.speed,
        "temperature": state.temperature,
        "personas": [{"name": visible_name(name), "state": how} for name, how in state.personas],
        "note": None if state.note is None else visible(state.note),
        "muted": [visible_name(name) for name in state.muted],
        "draft": None if state.draft is None else _draft(state.draft),
    }


def _draft(draft: ShownDraft) -> Json:
    return {
        "order": draft.order,
        "persona": visible_name(draft.persona),
        "text": visible(draft.text),
    }


def noted_json(answer: Answer) -> list[Json]:
    """Favourites, or what clones saved."""
    return [
        {
            "message": line.message,
            "channel": line.channel,
            "author": {"name": visible_name(line.author.name), "kind": line.author.kind},
            "text": visible(line.text),
            "by": visible_name(line.by),
            "at": line.noted_at.isoformat(),
        }
        for line in answer.noted
    ]


def refused_json(answer: Answer) -> list[Json]:
    """What is not said again."""
    return [
        {
            "number": refused.number,
            "channel": refused.channel,
            "author": {"name": visible_name(refused.persona), "kind": "clone"},
            "text": visible(refused.text),
            "by": visible_name(refused.by),
            "at": refused.at.isoformat(),
        }
        for refused in answer.refused
    ]


def round_json(shown: Round) -> Json:
    """What a player of the blind game sees."""
    return {
        "round": shown.id,
        "persona": visible_name(shown.persona),
        "context": [
            {"name": visible_name(name), "text": visible(text)} for name, text in shown.context
        ],
        "text": visible(shown.text),
        "score": of_player(shown.score),
    }


def verdict_json(verdict: Verdict) -> Json:
    """What became of a round."""
    return {
        "right": verdict.is_right,
        "verdict": visible(verdict_words(verdict)),
        "score": of_player(verdict.score),
    }


def _trace(trace: Trace | None) -> Json | None:
    if trace is None:
        return None
    return {
        "source": trace.source.value,
        "target": trace.target,
        "prompt": visible(trace.prompt),
        "phrase": None if trace.phrase is None else visible(trace.phrase),
        "reason": visible(trace.reason),
        "latencyMs": trace.latency_ms,
        "seed": str(trace.seed),  # JavaScript's numbers end at 2**53
        "chosen": trace.chosen,
        "candidates": [_candidate(each) for each in trace.candidates],
    }


def _candidate(candidate: Candidate) -> Json:
    return {
        # What is held back as somebody's own sentence is not shown in another place instead.
        "text": "" if candidate.verdict == "copied" else visible(candidate.completion).strip(),
        "verdict": candidate.verdict,
        "score": candidate.score,
        "logprob": candidate.logprob,
    }

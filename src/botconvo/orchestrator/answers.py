"""What people are told who ask about a talk: short texts, made of values.  Pure.

They are for a channel that others read too: nothing of a prompt, and no candidate that a filter
stopped.  The page shows its owner the whole trace.
"""

from collections.abc import Sequence
from datetime import datetime

from botconvo.consent import ConsentRecord
from botconvo.conversation.events import Candidate
from botconvo.conversation.noted import NotedLine, RefusedText
from botconvo.conversation.orders import PromptSource, Trace
from botconvo.conversation.reins import Law
from botconvo.conversation.speakers import USUAL
from botconvo.messages import Message
from botconvo.personas import Persona
from botconvo.ports import PersonaState, ShownState

__all__ = ["help_text", "info", "lines_text", "recent", "removed_text", "status", "who", "why"]

_EXCERPT = 120
_SHOWN = 20
"""Lines of a list that one message shows."""
_SOURCES = {
    PromptSource.PERSON: "what a person wrote",
    PromptSource.CLONE: "what another bot said",
    PromptSource.FRESH: "nothing: a fresh topic",
}
_STOPPED = {"unsafe": "stopped by a filter", "copied": "held back: words that somebody wrote"}
"""Their words are not shown."""
_VERDICTS = {
    "ok": "could be said",
    "empty": "empty",
    "foreign": "not a line of its own",
    "repeated": "said before",
    "silent": "chose silence",
}


def who(state: ShownState) -> str:
    """The clones and how they are."""
    if not state.personas:
        return "Nobody is here yet."
    rows = [f"{name}: {'muted' if name in state.muted else how}" for name, how in state.personas]
    return "\n".join(rows)


def status(state: ShownState, law: Law, *, turn_limit: int | None) -> str:
    """How the talk stands, and what is wrong."""
    rows = ["paused until somebody resumes it" if state.paused else "talking"]
    rows.append(f"speed {state.speed:g}")
    if state.temperature is not None:
        rows.append(f"temperature {state.temperature:g}")
    if turn_limit is not None:
        rows.append(f"at most {turn_limit} messages of bots without a person's")
    if state.muted:
        rows.append(f"muted: {', '.join(state.muted)}")
    if law.curated:
        rows.append("every line waits until a person approves it")
    if state.draft is not None:
        rows.append(f"a line of {state.draft.persona} waits")
    text = "; ".join(rows)
    return f"{text}\n{state.note}" if state.note else text


def why(message: Message, trace: Trace, target: Message | None) -> str:
    """Why a clone said something."""
    rows = [f"{message.author.name}: {_excerpt(message.text)}", f"The turn: {trace.reason}"]
    taken_up = _SOURCES[trace.source]
    if target is not None:
        taken_up = f"{target.author.name}: {_excerpt(target.text)}"
    rows.append(f"Taken up: {taken_up}")
    if trace.phrase is not None:
        rows.append(f"Phrase: {trace.phrase}")
    rows.append(f"Candidates: {len(trace.candidates)}")
    rows += [
        f"{'→' if place == trace.chosen else '·'} {_candidate(each)}"
        for place, each in enumerate(trace.candidates)
    ]
    return "\n".join(rows)


def _candidate(candidate: Candidate) -> str:
    if candidate.verdict in _STOPPED:
        return f"({_STOPPED[candidate.verdict]})"
    score = "" if candidate.score is None else f", {candidate.score:.2f}"
    words = _excerpt(candidate.completion) or "…"
    return f"{words} ({_VERDICTS[candidate.verdict]}{score})"


def _talkativeness(persona: Persona) -> str:
    learned = persona.learned.talkativeness if persona.learned is not None else None
    if persona.talkativeness is not None or learned is None:
        return f"{USUAL if persona.talkativeness is None else persona.talkativeness:g}"
    return f"{learned:g}, learned of its friend"


def info(persona: Persona, state: PersonaState, record: ConsentRecord | None, *, real: bool) -> str:
    """What a persona is; ``record`` is the consent of whoever was cloned, if somebody ``real``."""
    rows = [f"{persona.name} is a bot, {state}; talkativeness {_talkativeness(persona)}"]
    if not real or (record is not None and record.fictional):
        rows.append("an invented character")
    elif record is None:
        rows.append("a clone whose consent has ended: it says nothing more")
    else:
        rows.append(f"a clone of somebody who agreed to it on {_day(record.granted_at)}")
        if record.expires_at is not None:
            rows.append(f"the consent ends on {_day(record.expires_at)}")
    return "\n".join(rows)


def recent(messages: Sequence[Message]) -> str:
    return _rows(
        [f"{each.author.name}: {_excerpt(each.text)}" for each in messages], "Nothing yet."
    )


def lines_text(lines: Sequence[NotedLine]) -> str:
    """Favourites, or what was saved."""
    rows = [f"{each.author.name}: {_excerpt(each.text)} ({each.by})" for each in lines]
    return _rows(rows, "There are none yet.")


def removed_text(texts: Sequence[RefusedText]) -> str:
    """What is not said again."""
    rows = [f"{each.number}. {each.persona}: {_excerpt(each.text)} ({each.by})" for each in texts]
    return _rows(rows, "Nothing was removed.")


def help_text(law: Law, *, commands: bool) -> str:
    """What people can do with words and emoji, and with slash commands where there are some."""
    rows = ["🗑 on a bot's line asks for its removal, ⭐ keeps it among the favourites."]
    if law.delete_votes > 1:
        rows[0] = (
            f"🗑 of {law.delete_votes} people on a bot's line removes it, and it is not said again; "
            "of an owner, or of whoever was cloned, one is enough. ⭐ keeps a line."
        )
    if law.kill_word.strip():
        rows.append(f'"{law.kill_word}" silences all bots here, whoever writes it.')
    return "\n".join(rows + (list(_COMMANDS) if commands else []))


_COMMANDS = (
    "/botconvo pause, resume, topic, speed, reset: the talk",
    "/botconvo who, why, status, favourites, saved: what is going on",
    "/botconvo removed, allow: what is not said again, and undo that",
    "/persona mute, unmute, info: one of the bots",
    "/ask: a question for one of them",
    "/delete: remove a line of a bot",
    "/ignoreme: nothing that you write is shown to the bots; with undo: it is again",
)


def _rows(rows: list[str], nothing: str) -> str:
    if not rows:
        return nothing
    more = len(rows) - _SHOWN
    return "\n".join(rows[:_SHOWN] + ([f"and {more} more"] if more > 0 else []))


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"


def _day(at: datetime) -> str:
    return at.date().isoformat()

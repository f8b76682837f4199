"""A talk as a service reads it, for its training files and for a live turn alike.

Three forms.  "chat": messages with roles, the clone's lines as ``assistant`` without its name,
everybody else's as ``user`` with it.  "completions": a prompt of the transcript's last lines that
ends with the clone's open line.  "window": a prompt of exactly eight lines and an empty one, and
the ninth line with its name, whoever's it is, as GPT-3-Chatbot-2.0 had it.

Pure.  It knows nothing of services, keys or consent.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from botconvo.corpus import Session
from botconvo.transcript.grammar import Command, Line, print_line
from model_server.prompt_format import PromptFormat

__all__ = ["FORMS", "WINDOW", "Form", "Prompt", "count_tokens", "examples", "print_jsonl", "prompt"]

Form = Literal["chat", "completions", "window"]
FORMS: tuple[Form, ...] = ("chat", "completions", "window")
Example = dict[str, Any]
"""One row of a training file."""

WINDOW = 8
"""Lines before the one that is learned, in GPT-3-Chatbot-2.0."""
_LINES_BEFORE = 14
"""Of a completions prompt: as many as the preset "group-chat" shows a clone."""
_LONGEST_TALK = 40
"""Lines of one chat example; a longer session is several."""
_BYTES_PER_TOKEN = 3.5
"""English chat in a vocabulary of 100,000 to 200,000 tokens; other scripts have fewer."""
_TOKENS_PER_MESSAGE = 4
"""Marks that a service puts around a message of a chat, by OpenAI's own account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is asked with: ``messages`` of a chat, or ``text`` to be gone on with."""

    text: str = ""
    messages: tuple[dict[str, str], ...] = ()

    @property
    def shown(self) -> str:
        """For people and logs of the clone's owner."""
        return self.text or "\n".join(f"{m['role']}: {m['content']}" for m in self.messages)


def prompt(form: Form, speaker: str, lines: Sequence[Line], *, opening: str = "") -> Prompt:
    """The prompt for ``speaker``'s next line, after ``lines``, oldest first.

    ``opening`` are words that it has to begin with; a chat knows none, and leaves them out.
    """
    opened = f" {opening}" if opening else ""
    match form:
        case "chat":
            return Prompt(messages=(_system(speaker), *_messages(speaker, lines)))
        case "completions":
            rows = [print_line(line) for line in lines[-_LINES_BEFORE:]]
            return Prompt(text=PromptFormat(speaker=speaker).render(rows, opening=opening))
        case "window":
            return Prompt(text=f"{_window(lines[-WINDOW:])} {speaker}:{opened}")


def examples(form: Form, speaker: str, sessions: Sequence[Session]) -> tuple[Example, ...]:
    """Rows of a training file for ``speaker``, in the order of the talk."""
    match form:
        case "chat":
            return tuple(_chats(speaker, sessions))
        case "completions":
            return tuple(_completions(speaker, sessions))
        case "window":
            return tuple(_windows(sessions))


def print_jsonl(rows: Iterable[Example]) -> str:
    """One row a line, as services take it."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def count_tokens(rows: Iterable[Example]) -> int:
    """About how many tokens a service counts in these rows; it alone knows its tokenizer."""
    size = messages = 0
    for row in rows:
        texts = [m["content"] for m in row.get("messages", ())]
        messages += len(texts)
        texts += [row[key] for key in ("prompt", "completion") if key in row]
        size += sum(len(text.encode()) for text in texts)
    return round(size / _BYTES_PER_TOKEN) + _TOKENS_PER_MESSAGE * messages


# ---- chat --------------------------------------------------------------------------------


def _system(speaker: str) -> dict[str, str]:
    return {
        "role": "system",
        "content": f"You are {speaker} in a chat with friends. Write {speaker}'s next lines.",
    }


def _messages(speaker: str, lines: Sequence[Line]) -> Iterator[dict[str, str]]:
    """Lines of one role that follow on each other are one message: many services ask for that."""
    for role, group in groupby(lines, key=lambda line: _role(speaker, line)):
        rows = (print_line(line) for line in group)
        said = (row.partition(": ")[2] if role == "assistant" else row for row in rows)
        yield {"role": role, "content": "\n".join(said)}


def _role(speaker: str, line: Line) -> str:
    """That a talk begins is no line of anybody's: nobody is to learn to say it."""
    own = line.name == speaker and line.command is not Command.INIT
    return "assistant" if own else "user"


def _chats(speaker: str, sessions: Iterable[Session]) -> Iterator[Example]:
    for session in sessions:
        for part in _parts(speaker, session.lines):
            yield {"messages": [_system(speaker), *_messages(speaker, part)]}


def _parts(speaker: str, lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Pieces that end with a line of the speaker's: behind it there is nothing to learn."""
    while lines:
        part, lines = lines[:_LONGEST_TALK], lines[_LONGEST_TALK:]
        own = [place for place, line in enumerate(part) if _role(speaker, line) == "assistant"]
        if own:
            yield part[: own[-1] + 1]
        rest = part[own[-1] + 1 :] if own else part[-WINDOW:]
        lines = (*rest, *lines) if lines else ()


# ---- completions -------------------------------------------------------------------------


def _completions(speaker: str, sessions: Iterable[Session]) -> Iterator[Example]:
    for session in sessions:
        for place, line in enumerate(session.lines):
            if _role(speaker, line) == "assistant":
                asked = prompt("completions", speaker, session.lines[:place])
                said = print_line(line).partition(": ")[2]
                yield {"prompt": asked.text, "completion": f" {said}\n"}


# ---- window ------------------------------------------------------------------------------


def _window(lines: Sequence[Line]) -> str:
    return "\n".join(map(print_line, lines)) + "\n\n"


def _windows(sessions: Iterable[Session]) -> Iterator[Example]:
    """The talk as one long one: what was said before a silence is not forgotten in it."""
    lines = [line for session in sessions for line in _without_next(session)]
    for place in range(WINDOW, len(lines)):
        before = _window(lines[place - WINDOW : place])
        yield {"prompt": before, "completion": f" {print_line(lines[place])}\n"}


def _without_next(session: Session) -> Sequence[Line]:
    """A session without the ``INIT`` at its end, which the next one begins with."""
    lines = session.lines
    ends_so = len(lines) > 1 and lines[-1].command is Command.INIT
    return lines[:-1] if ends_so else lines

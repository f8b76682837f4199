"""How lines become a prompt, saved with the weights so that training and serving always agree.

Standard library only: the trainer, the orchestrator and the model server all import it.  It knows
nothing of messages, people or models; lines come printed.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["END_OF_TEXT", "KNOWN_VERSION", "START_OF_TEXT", "PromptFormat", "PromptKind"]

PromptKind = Literal["transcript", "plain", "speaker_token", "ssi"]

START_OF_TEXT, END_OF_TEXT = "<|startoftext|>", "<|endoftext|>"
"""What gpt-2-simple writes around every row of a single-column CSV, as letters."""
KNOWN_VERSION = 1
"""The version of the formats that this module renders."""
_ROW = re.compile(r"(?P<name>[^:\n]+): ?(?P<rest>.*)\Z")
_ACT = re.compile(r"(?P<command>INIT|SAVE|REACT|REPLY|PHOTO|VIDEO|MEME|SCREEN)[;:]")
_ESCAPED = re.compile(r"\\(.)")
_TAG, _TAG_OPENED = re.compile(r"<\|[^|<>]*\|>"), re.compile(r"<+\|+")
_SOMEONE = "someone"
"""Whoever's name is nothing but marks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFormat:
    """The prompt format of one checkpoint.

    ``kind`` is one of:

    - "transcript": lines of the transcript grammar, the persona's open line last;
    - "plain": the opening words alone, behind ``start`` where there is one (gpt-2-simple's
      ``<|startoftext|>``, which is text and no token);
    - "speaker_token": FriendSimulator's ``<name> words`` rows, each name one token of the
      vocabulary; ``speakers`` are the names that have one;
    - "ssi": ssi-bot's tags, the first line a post and every other one a reply to it.

    ``speaker`` is the persona's name in the transcript (empty in a checkpoint that names nobody),
    ``cleaning`` the profile of ``botconvo.transcript.cleaning`` that its corpus went through, and
    ``init_after_s`` the silence in seconds after which a conversation begins anew.  ``reserved``
    are tokens of the vocabulary that are found in a text as they are spelled: whatever people
    write, their words and names hold none of them, nor anything like ``<|tag|>``.
    """

    kind: PromptKind = "transcript"
    speaker: str
    cleaning: str = "chat"
    init_after_s: float = 1800.0
    version: int = KNOWN_VERSION
    start: str = ""
    speakers: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()

    @property
    def uses_tokens(self) -> bool:
        """Whether tags in a prompt are tokens of the vocabulary, and not words that look so."""
        return self.kind in ("speaker_token", "ssi")

    def knows(self, name: str) -> bool:
        """Whether the weights have learned to speak as ``name``."""
        return self.kind != "speaker_token" or self._token_of(name) is not None

    def head(self, name: str) -> str | None:
        """What a line of ``name`` begins with; None where lines do not say whose they are."""
        match self.kind:
            case "transcript":
                return self.row_head(name)
            case "speaker_token":
                return self._mark(name)
            case "plain" | "ssi":
                return None

    def render(self, lines: Sequence[str], *, opening: str = "", open: bool = True) -> str:
        """The prompt text; ``opening`` are words that the reply has to begin with.

        An open prompt ends right behind the speaker's mark or the opening, never in a space:
        GPT-2's tokens carry their space in front, and a trailing one wrecks the next token.
        """
        opening = self._unmarked(opening).strip()
        match self.kind:
            case "transcript":
                return self._transcript(lines, opening, open)
            case "plain":
                return self.start + opening
            case "speaker_token":
                return self._speaker_tokens(lines, opening, open)
            case "ssi":
                return self._ssi(lines, opening, open)

    def row_head(self, name: str) -> str:
        """What a transcript's row begins with when ``name`` has it."""
        return f"{self._unmarked(name).strip() or _SOMEONE}:"

    def _transcript(self, lines: Sequence[str], opening: str, open: bool) -> str:
        rows = [self._row(line) for line in lines]
        if open:
            rows.append(f"{self.speaker}: {opening}" if opening else f"{self.speaker}:")
        return "\n".join(rows) if open else "".join(f"{row}\n" for row in rows)

    def _row(self, line: str) -> str:
        if self._unmarked(line) == line:
            return line
        name, _, rest = line.partition(":")
        return self._unmarked(self.row_head(name) + rest)

    def _speaker_tokens(self, lines: Sequence[str], opening: str, open: bool) -> str:
        rows = [f"{self._mark(name)} {text}\n" for name, text in self._said(lines)]
        if open:
            rows.append(f"{self._mark(self.speaker)}{' ' if opening else ''}{opening}")
        return "".join(rows)

    def _ssi(self, lines: Sequence[str], opening: str, open: bool) -> str:
        """A post with its replies; a talk that begins with nothing begins with a post's title."""
        words = [text for _, text in self._said(lines)]
        post = f"<|sols|><|sot|>{words[0]}<|eot|><|sol|><|eol|>" if words else ""
        replies = "".join(f"<|sor|>{text}<|eor|>" for text in words[1:])
        if not open:
            return post + replies
        mark = "<|sor|>" if words or opening else "<|soss|><|sot|>"
        return post + replies + mark + opening

    def _said(self, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
        """(name, words) of whoever says something that is more than marks."""
        for name, text in _said(lines):
            if words := self._unmarked(text).strip():
                yield name, words

    def _token_of(self, name: str) -> str | None:
        """The speaker whose token is meant, whatever the case and Discord's old four digits."""
        spellings = (str, str.casefold, _without_digits)
        matches = (
            speaker
            for spelled in spellings
            for speaker in self.speakers
            if spelled(speaker) == (name if spelled is str else name.casefold())
        )
        return next(matches, None)

    def _mark(self, name: str) -> str:
        """The token for a name; whoever has none is heard as the persona's partner."""
        own = self._token_of(self.speaker)
        partner = next((speaker for speaker in self.speakers if speaker != own), None)
        heard = self._token_of(name) or partner
        if heard is not None:
            return f"<{heard}>"
        mark = f"<{name}>"  # nobody but the persona has a token
        return mark if self._unmarked(mark) == mark else f"<{_SOMEONE}>"

    def _unmarked(self, text: str) -> str:
        """Somebody who types a mark says at most a name, and neither ends nor begins anything.

        What is taken out may join the rest to another mark, so it is looked at again.
        """
        names = {f"<{speaker}>": speaker for speaker in self.speakers}
        marks = "|".join(map(re.escape, (*names, *self.reserved)))
        while True:
            bare = _TAG_OPENED.sub("", _TAG.sub("", text))
            if marks:
                bare = re.sub(marks, lambda found: names.get(found[0], ""), bare)
            if bare == text:
                return text
            text = bare

    def stops(self) -> tuple[str, ...]:
        """Texts that end a completion."""
        match self.kind:
            case "transcript":
                return ("\n",)
            case "plain":
                return (END_OF_TEXT, self.start) if self.start else (END_OF_TEXT,)
            case "speaker_token":
                return ("\n", *(f"<{speaker}>" for speaker in self.speakers))
            case "ssi":
                return ("<|",)

    def digest(self) -> str:
        """A short digest that two sides compare before they work together."""
        added = {
            "start",
            "speakers",
            "reserved",
        }  # later than the first checkpoints, whose digest must stay
        facts = {key: value for key, value in asdict(self).items() if value or key not in added}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _without_digits(speaker: str) -> str:
    return speaker.casefold().partition("#")[0]


def _said(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(name, words) of every printed line in which somebody says something, on one row each."""
    for line in lines:
        row = _ROW.match(line)
        if row is None:
            continue
        words, act = row["rest"].strip(), _ACT.match(row["rest"].strip())
        if act is not None:
            words = (
                words[act.end() :].strip().removesuffix(";") if act["command"] == "REPLY" else ""
            )
        elif words.startswith("\\") and _ACT.match(words[1:]):
            words = words[1:]
        words = _ESCAPED.sub(lambda found: "\\" if found[1] == "\\" else " ", words).strip()
        if words:
            yield row["name"].strip(), words

"""A completion, read as a line and judged: the local filters in their order.  Pure."""

import re
import unicodedata
from dataclasses import replace

from botconvo.conversation.events import Candidate, Verdict
from botconvo.ports import Completion, TextFilter
from botconvo.safety.scrub import scrub
from botconvo.transcript.grammar import Command, Line, parse_line

__all__ = ["judge"]

_CUSTOM_EMOJI = re.compile(r":\w{2,32}:\Z")
_HALF_COMMAND = re.compile(r"[A-Z]{3,}[:;]")
"""What a small model makes of the grammar at times: "REPT: so", or a command within a reply."""
_LONGEST_EMOJI = 10
"""Code points: a family with skin tones has seven, flags of regions more."""


def judge(speaker: str, opening: str, completion: Completion, text_filter: TextFilter) -> Candidate:
    """What the persona would say with this completion, and whether it may.

    ``opening`` are the words that the prompt already put into its mouth.
    """
    text = completion.text.split("\n", 1)[0]
    line = parse_line(f"{speaker}: {opening}{text}" if opening else f"{speaker}:{text}")
    candidate = Candidate(
        completion=text,
        line=None if line is None else replace(line, argument=scrub(line.argument)),
        verdict="ok",
        cut=not completion.finished,
        logprob=completion.logprob,
    )
    return replace(candidate, verdict=_verdict(candidate.line, speaker, text_filter))


def _verdict(line: Line | None, speaker: str, text_filter: TextFilter) -> Verdict:
    if line is None:
        return "empty"
    if line.name != speaker or "\ufffd" in line.argument:
        return "foreign"  # not its line; a character that the token limit cut in two
    if line.command is Command.REACT:
        return "ok" if _is_emoji(line.argument) else "foreign"
    if line.command not in (None, Command.REPLY):
        return "silent"
    if not any(character.isalnum() or ord(character) > 0x2000 for character in line.argument):
        return "empty"
    if _HALF_COMMAND.match(line.argument):
        return "foreign"
    return "ok" if text_filter.is_safe(line.argument) else "unsafe"


def _is_emoji(text: str) -> bool:
    if _CUSTOM_EMOJI.match(text):
        return True
    symbols = {"So", "Sk", "Mn", "Me", "Cf"}
    return 0 < len(text) <= _LONGEST_EMOJI and all(
        unicodedata.category(character) in symbols for character in text
    )

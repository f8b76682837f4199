"""A completion, read as a line and judged: the local filters in their order.  Pure."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import replace

from botconvo.conversation.events import Candidate, Verdict
from botconvo.ports import Completion, TextFilter
from botconvo.safety.scrub import scrub
from botconvo.transcript.grammar import Command, Line, parse_line
from model_server.prompt_format import END_OF_TEXT, START_OF_TEXT

__all__ = ["judge", "judge_anybody", "judge_plain"]

_CUSTOM_EMOJI = re.compile(r":\w{2,32}:\Z")
_HALF_COMMAND = re.compile(r"[A-Z]{3,}[:;]")
"""What a small model makes of the grammar at times: "REPT: so", or a command within a reply."""
_COMMAND_WITHIN = re.compile(rf"\b(?:{'|'.join(Command)})[:;]")
_HALF_CHARACTER = "\ufffd"
"""What is left of a character that the token limit cut in two."""
_LONGEST_EMOJI = 10
"""Code points: a family with skin tones has seven, flags of regions more."""


def judge(speaker: str, opening: str, completion: Completion, text_filter: TextFilter) -> Candidate:
    """What the persona would say with this completion, and whether it may.

    ``opening`` are the words that the prompt already put into its mouth; alone they say nothing.
    """
    text = completion.text.split("\n", 1)[0]
    line = parse_line(f"{speaker}: {opening}{text}" if opening else f"{speaker}:{text}")
    candidate = Candidate(
        completion=text,
        line=None if line is None else _cleaned(line),
        verdict="ok",
        cut=not completion.finished,
        logprob=completion.logprob,
    )
    if not _says_something(text):
        return replace(candidate, verdict="empty")
    return replace(candidate, verdict=_verdict(candidate.line, speaker, text_filter))


def judge_plain(
    speaker: str, opening: str, completion: Completion, text_filter: TextFilter
) -> Candidate:
    """The same for a model that writes plain texts: it knows no acts, and may break lines."""
    text = completion.text.replace(START_OF_TEXT, " ").replace(END_OF_TEXT, " ")
    text = text.rstrip(_HALF_CHARACTER)
    line = Line(name=speaker, argument=scrub(f"{opening}{text}"))
    return Candidate(
        completion=text,
        line=line,
        verdict=_verdict_of_words(line.argument, text_filter) if _says_something(text) else "empty",
        cut=not completion.finished,
        logprob=completion.logprob,
    )


def judge_anybody(
    speakers: Collection[str], completion: Completion, text_filter: TextFilter
) -> Candidate:
    """The same where the model also said who speaks; nobody does who is not in ``speakers``."""
    text = completion.text.split("\n", 1)[0]
    line = parse_line(text)
    if line is None or line.name not in speakers:
        verdict: Verdict = "empty" if line is None else "foreign"
        return Candidate(completion=text, line=line, verdict=verdict, cut=not completion.finished)
    said = replace(completion, text=text.partition(":")[2])
    return replace(judge(line.name, "", said, text_filter), completion=text)


def _cleaned(line: Line) -> Line:
    """Without what must not go out, and without the mark that ends acts behind mere words.

    A small model puts it there in up to one line of twenty, people in one of 4,000 (developers).
    """
    argument = line.argument if line.command is not None else line.argument.removesuffix(";")
    return replace(line, argument=scrub(argument))


def _verdict(line: Line | None, speaker: str, text_filter: TextFilter) -> Verdict:
    if line is None:
        return "empty"
    if line.name != speaker or _HALF_CHARACTER in line.argument:
        return "foreign"
    if line.command is Command.REACT:
        return "ok" if _is_emoji(line.argument) else "foreign"
    if line.command in (Command.PHOTO, Command.VIDEO, Command.MEME) and line.argument:
        return text_filter.objection(line.argument) or "silent"
    if line.command not in (None, Command.REPLY):
        return "silent"
    if _HALF_COMMAND.match(line.argument) or _COMMAND_WITHIN.search(line.argument):
        return "foreign"
    return _verdict_of_words(line.argument, text_filter)


def _verdict_of_words(text: str, text_filter: TextFilter) -> Verdict:
    if _HALF_CHARACTER in text:
        return "foreign"
    if not _says_something(text):
        return "empty"
    return text_filter.objection(text) or "ok"


def _says_something(text: str) -> bool:
    return any(character.isalnum() or ord(character) > 0x2000 for character in text)


def _is_emoji(text: str) -> bool:
    if _CUSTOM_EMOJI.match(text):
        return True
    symbols = {"So", "Sk", "Mn", "Me", "Cf"}
    return 0 < len(text) <= _LONGEST_EMOJI and all(
        unicodedata.category(character) in symbols for character in text
    )

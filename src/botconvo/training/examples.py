"""Sessions as token rows, with a weight for every token that is to be learned.

The text is rendered by the code that renders live prompts, line by line: a line's text is what
``PromptFormat.render`` gives for it, its head (name and colon) what an open prompt ends in.  No
tokenizer that can be served joins a line break and the name behind it, nor a colon and the space
behind that: the pieces' tokens one behind the other are the whole text's.  The first piece of a
window may have others: sentencepiece puts a space before a text, and some models a token.

A session longer than a window is cut between lines; later windows repeat the last lines of the one
before as context, and every line is a target once.  Short windows share a row.  Each counts its
positions from zero, by which transformers keeps them from seeing each other, so a window is read
exactly as a live prompt is: from position zero, with nothing in front.

It knows nothing of torch, models or people.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from botconvo.transcript.grammar import Command, Line, print_line
from model_server.prompt_format import PromptFormat

__all__ = [
    "Batch",
    "Encode",
    "Piece",
    "Window",
    "batch_of",
    "cut",
    "encode_lines",
    "lesson_window",
    "pack",
    "windows_of",
]

Encode = Callable[[str], Sequence[int]]
_LEARNED = (None, Command.REPLY, Command.REACT, Command.INIT)
"""What a clone can do live; other acts stand in the context and are no targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A line as tokens.  The first ``head`` of them are the name and its colon: who speaks.

    ``own`` is true for what the speaker says or does, ``said`` for what anybody does.  ``first``
    are the tokens, and ``first_head`` of them the head, where the line begins a text.
    """

    tokens: tuple[int, ...]
    head: int
    first: tuple[int, ...]
    first_head: int
    own: bool
    said: bool

    @property
    def size(self) -> int:
        """Tokens that it takes at most."""
        return max(len(self.tokens), len(self.first))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of a session.  ``weights[i]`` is what predicting ``tokens[i]`` counts in the loss.

    The first weight is 0: nothing stands before the first token.  One below 0 counts what makes
    that token less likely.
    """

    tokens: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of windows, padded; all three of shape (rows, tokens)."""

    tokens: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


def encode_lines(
    lines: Iterable[Line], form: PromptFormat, encode: Encode, begin: Sequence[int] = ()
) -> tuple[Piece, ...]:
    """Each line with its line break as tokens, as ``form`` renders it.

    ``encode`` reads a text from its start; ``begin`` are the tokens that every text begins with.
    """
    before = len(encode("\n"))
    return tuple(
        _piece(line, place > 0, form, encode, tuple(begin), before)
        for place, line in enumerate(lines)
    )


def _piece(
    line: Line, later: bool, form: PromptFormat, encode: Encode, begin: tuple[int, ...], before: int
) -> Piece:
    """``before`` are the tokens of the line break that stands in front of every ``later`` line."""
    text, head = form.render([print_line(line)], open=False), form.row_head(line.name)
    # Behind a talk an INIT is its end; at the beginning it is given, as in a live prompt.
    said = line.command in _LEARNED and (later or line.command is not Command.INIT)
    return Piece(
        tokens=tuple(encode(f"\n{text}")[before:]),
        head=len(encode(f"\n{head}")) - before,
        first=begin + tuple(encode(text)),
        first_head=len(begin) + len(encode(head)),
        own=said and line.name == form.speaker,
        said=said,
    )


def cut(
    pieces: Sequence[Piece],
    *,
    block: int,
    overlap: int,
    context_weight: float,
    head_weight: float = 0.0,
) -> Iterator[Window]:
    """The windows of one session, without those that have nothing to learn.

    ``block`` and ``overlap`` are in tokens.  A single line longer than a window loses its end.
    ``head_weight`` counts alike for everybody's heads: how likely it is that the speaker has the
    next line can only be learned from the lines of the others.
    """
    start = 0
    while start < len(pieces):
        room = block - min(pieces[start].size, block)
        first = _first_context(pieces, start, min(overlap, room))
        used = sum(piece.size for piece in pieces[first:start])
        end = start
        while end < len(pieces) and used + pieces[end].size <= block:
            used += pieces[end].size
            end += 1
        end = max(end, start + 1)
        window = _window(pieces[first:start], pieces[start:end], block, context_weight, head_weight)
        if window is not None:
            yield window
        start = end


def _first_context(pieces: Sequence[Piece], start: int, room: int) -> int:
    """The first of the pieces before ``start`` that fit into ``room`` tokens."""
    first = start
    while first > 0 and pieces[first - 1].size <= room:
        first -= 1
        room -= pieces[first].size
    return first


def _window(
    context: Sequence[Piece],
    fresh: Sequence[Piece],
    block: int,
    context_weight: float,
    head_weight: float,
) -> Window | None:
    tokens: list[int] = []
    weights: list[float] = []
    for place, piece in enumerate((*context, *fresh)):
        weight = 1.0 if piece.own else context_weight if piece.said else 0.0
        of_head = head_weight if tokens else 0.0  # from nothing nobody can tell who speaks
        if place < len(context):
            weight = of_head = 0.0
        begins = not tokens
        taken, head = (piece.first, piece.first_head) if begins else (piece.tokens, piece.head)
        tokens += taken
        weights += [of_head] * head + [weight] * (len(taken) - head)
    del tokens[block:], weights[block:]
    # What follows the last target is context for nothing.
    while weights and not weights[-1]:
        del weights[-1]
    if not weights:
        return None
    return Window(tokens=tuple(tokens[: len(weights)]), weights=tuple(weights))


def windows_of(
    sessions: Iterable[Sequence[Line]],
    form: PromptFormat,
    encode: Encode,
    *,
    block: int,
    overlap: int,
    context_weight: float = 0.0,
    head_weight: float = 0.0,
    begin: Sequence[int] = (),
) -> tuple[Window, ...]:
    """The windows of all sessions, in order."""
    return tuple(
        window
        for lines in sessions
        for window in cut(
            encode_lines(lines, form, encode, begin),
            block=block,
            overlap=overlap,
            context_weight=context_weight,
            head_weight=head_weight,
        )
    )


def lesson_window(
    lines: Sequence[Line],
    form: PromptFormat,
    encode: Encode,
    *,
    weight: float,
    block: int,
    begin: Sequence[int] = (),
) -> Window | None:
    """The last line behind those before it, as far as they fit; nothing else counts.

    A ``weight`` below 0 makes its words less likely, but not its end: that all lines have.
    """
    line_break = len(encode("\n"))
    for first in range(len(lines)):
        *context, last = encode_lines(lines[first:], form, encode, begin)
        tokens = [token for at, p in enumerate(context) for token in (p.tokens if at else p.first)]
        own, head = (last.tokens, last.head) if context else (last.first, last.first_head)
        if len(tokens) + len(own) > block and context:
            continue
        words = len(own) - head - (line_break if weight < 0 else 0)
        if words <= 0:
            return None
        weights = [0.0] * (len(tokens) + head) + [weight] * words
        taken = (*tokens, *own)[: len(weights)]
        return Window(tokens=tuple(taken[:block]), weights=tuple(weights[:block]))
    return None


def pack(windows: Iterable[Window], block: int) -> tuple[tuple[Window, ...], ...]:
    """Rows of at most ``block`` tokens: the longest windows first, each into the first row it fits.

    Such a packing needs at most a quarter more rows than the best possible one.
    """
    rows: list[list[Window]] = []
    rooms: list[int] = []
    for window in sorted(windows, key=lambda window: len(window.tokens), reverse=True):
        need = len(window.tokens)
        place = next((i for i, room in enumerate(rooms) if room >= need), None)
        if place is None:
            rows.append([])
            rooms.append(block)
            place = -1
        rows[place].append(window)
        rooms[place] -= need
    return tuple(map(tuple, rows))


def batch_of(rows: Sequence[Sequence[Window]], pad: int) -> Batch:
    """Arrays as long as the longest row; ``pad`` fills the rest and is no target."""
    width = max(sum(len(window.tokens) for window in row) for row in rows)
    tokens = np.full((len(rows), width), pad, dtype=np.int64)
    positions = np.zeros((len(rows), width), dtype=np.int64)
    weights = np.zeros((len(rows), width), dtype=np.float32)
    for number, row in enumerate(rows):
        start = 0
        for window in row:
            end = start + len(window.tokens)
            tokens[number, start:end] = window.tokens
            positions[number, start:end] = np.arange(end - start)
            weights[number, start:end] = window.weights
            start = end
        positions[number, start:] = np.arange(width - start)  # the padding is a window of its own
    return Batch(tokens=tokens, positions=positions, weights=weights)

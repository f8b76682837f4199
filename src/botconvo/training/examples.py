"""Sessions as token rows, with a weight for every token that is to be learned.

The text is rendered by the code that renders live prompts, line by line: a line's text is what
``PromptFormat.render`` gives for it, its head (name and colon) what an open prompt ends in.  Lines
end in a line break and begin with a letter, so GPT-2's word splitting never joins two of them, nor
a head and the words behind it: the pieces' tokens one behind the other are the whole text's.

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
    "pack",
    "windows_of",
]

Encode = Callable[[str], Sequence[int]]
_LEARNED = (None, Command.REPLY, Command.REACT)
"""What a clone can do live; other acts stand in the context and are no targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A line as tokens.  The first ``head`` of them are the name and its colon: given, not said.

    ``own`` is true for what the speaker says or does, ``said`` for what anybody does.
    """

    tokens: tuple[int, ...]
    head: int
    own: bool
    said: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of a session.  ``weights[i]`` is what predicting ``tokens[i]`` counts in the loss.

    The first weight is 0: nothing stands before the first token.
    """

    tokens: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of windows, padded; all three of shape (rows, tokens)."""

    tokens: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


def encode_lines(lines: Iterable[Line], form: PromptFormat, encode: Encode) -> tuple[Piece, ...]:
    """Each line with its line break as tokens, as ``form`` renders it."""
    return tuple(_piece(line, form, encode) for line in lines)


def _piece(line: Line, form: PromptFormat, encode: Encode) -> Piece:
    text, head = form.render([print_line(line)], open=False), form.head(line.name)
    first = tuple(encode(head))
    said = line.command in _LEARNED
    return Piece(
        tokens=first + tuple(encode(text.removeprefix(head))),
        head=len(first),
        own=said and line.name == form.speaker,
        said=said,
    )


def cut(
    pieces: Sequence[Piece], *, block: int, overlap: int, context_weight: float
) -> Iterator[Window]:
    """The windows of one session, without those that have nothing to learn.

    ``block`` and ``overlap`` are in tokens.  A single line longer than a window loses its end.
    """
    start = 0
    while start < len(pieces):
        room = block - min(len(pieces[start].tokens), block)
        first = _first_context(pieces, start, min(overlap, room))
        used = sum(len(piece.tokens) for piece in pieces[first:start])
        end = start
        while end < len(pieces) and used + len(pieces[end].tokens) <= block:
            used += len(pieces[end].tokens)
            end += 1
        end = max(end, start + 1)
        window = _window(pieces[first:start], pieces[start:end], block, context_weight)
        if window is not None:
            yield window
        start = end


def _first_context(pieces: Sequence[Piece], start: int, room: int) -> int:
    """The first of the pieces before ``start`` that fit into ``room`` tokens."""
    first = start
    while first > 0 and len(pieces[first - 1].tokens) <= room:
        first -= 1
        room -= len(pieces[first].tokens)
    return first


def _window(
    context: Sequence[Piece], fresh: Sequence[Piece], block: int, context_weight: float
) -> Window | None:
    tokens: list[int] = []
    weights: list[float] = []
    for piece in context:
        tokens += piece.tokens
        weights += [0.0] * len(piece.tokens)
    for piece in fresh:
        weight = 1.0 if piece.own else context_weight if piece.said else 0.0
        tokens += piece.tokens
        weights += [0.0] * piece.head + [weight] * (len(piece.tokens) - piece.head)
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
) -> tuple[Window, ...]:
    """The windows of all sessions, in order."""
    return tuple(
        window
        for lines in sessions
        for window in cut(
            encode_lines(lines, form, encode),
            block=block,
            overlap=overlap,
            context_weight=context_weight,
        )
    )


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

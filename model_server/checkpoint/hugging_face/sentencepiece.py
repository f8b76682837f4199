"""From merges with ranks to pieces with scores: the form in which llama.cpp has sentencepiece.

Merges say which pairs may become one, and in which order; llama.cpp joins whatever makes a piece,
the one with the highest score first.  Both mean the same where the merges came from scores, which
is looked at here and not believed.  It knows nothing of files.
"""

from collections.abc import Collection, Mapping, Sequence

from model_server.errors import CheckpointError

__all__ = ["byte_pieces", "reachable", "scores_of"]


def scores_of(pieces: Collection[str], merges: Sequence[str], where: str) -> Mapping[str, float]:
    """A score for every piece that merges make: the earlier it is made, the higher.

    ``pieces`` are without tokens that are found before anything is merged.

    Raises:
        CheckpointError: no scores can say what the merges say.
    """
    scores: dict[str, float] = {}
    last = ""
    for rank, merge in enumerate(merges):
        made = merge.replace(" ", "")
        if made not in pieces:
            continue
        if made != last and made in scores:
            raise _unlike(where, made)
        scores.setdefault(made, float(-1 - rank))
        last = made
    pairs = set(merges)
    for piece in pieces:
        if any(pair not in pairs for pair in _pairs(piece, pieces)):
            raise _unlike(where, piece)
    return scores


def reachable(text: str, pieces: Collection[str]) -> bool:
    """Whether llama.cpp would join some text to this one, whatever kind of token it is."""
    return bool(_pairs(text, pieces))


def _pairs(text: str, pieces: Collection[str]) -> list[str]:
    halves = ((text[:place], text[place:]) for place in range(1, len(text)))
    return [
        f"{left} {right}"
        for left, right in halves
        if (len(left) == 1 or left in pieces) and (len(right) == 1 or right in pieces)
    ]


def _unlike(where: str, piece: str) -> CheckpointError:
    return CheckpointError(
        f"{where}: its merges do not come from sentencepiece's scores (see {piece!r}), and "
        "the engine would find other tokens; take another model"
    )


def byte_pieces(pieces: Collection[str]) -> Mapping[int, str]:
    """The piece of every byte, for characters that no piece holds."""
    found = {}
    for byte in range(256):
        for spelled in (f"<0x{byte:02X}>", chr(byte)):
            if spelled in pieces:
                found[byte] = spelled
                break
    return found

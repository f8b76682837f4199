"""How much of what was generated stands word for word in what was trained on.  Pure.

Words are compared in small letters and without punctuation, so that a copy with another comma
stays a copy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from botconvo.conversation.choice import words
from botconvo.evaluation.evidence import Said
from botconvo.evaluation.intervals import Estimate, mean_estimate

__all__ = ["LONG", "Copying", "Learned", "copying_of"]

LONG = 6
"""Words from which on a message is nobody's everyday phrase."""
_END = "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """``verbatim`` is the share of the ``long`` messages that stand in one learned line.

    ``longest`` and ``mean_span`` are words in a row shared with a learned line: the most of any
    message, and of the mean message.
    """

    long: int
    verbatim: Estimate | None
    longest: int
    mean_span: float


class Learned:
    """Everything that a clone was trained on, line by line."""

    def __init__(self, lines: Iterable[str]) -> None:
        rows = {f" {' '.join(words(line))} " for line in lines}
        self._text = _END.join(sorted(rows))

    def holds(self, spoken: Sequence[str]) -> bool:
        """Whether these words stand in a row in one line."""
        return f" {' '.join(spoken)} " in self._text

    def longest_span(self, spoken: Sequence[str]) -> int:
        """The most words in a row that stand in one line."""
        best = start = 0
        for end in range(1, len(spoken) + 1):
            while start < end and not self.holds(spoken[start:end]):
                start += 1
            best = max(best, end - start)
        return best


def copying_of(heap: Sequence[Said], learned: Learned, *, seed: int = 0) -> Copying:
    spoken = [words(said.text) for said in heap]
    spans = [learned.longest_span(each) for each in spoken]
    long = [i for i, each in enumerate(spoken) if len(each) >= LONG]
    copied = [float(spans[i] == len(spoken[i])) for i in long]
    return Copying(
        long=len(long),
        verbatim=mean_estimate(copied, [heap[i].session for i in long], seed=seed),
        longest=max(spans, default=0),
        mean_span=sum(spans) / max(1, len(spans)),
    )

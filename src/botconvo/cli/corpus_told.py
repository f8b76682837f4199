"""What several commands say of the lines that they take along, in one way."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botconvo.corpus import Corpus

__all__ = ["others_told", "staying_told"]


def others_told(corpus: "Corpus", *, learned: bool) -> str:
    """Whose lines stand around the speaker's; empty where there are none.

    ``learned`` says that those are learned as well, before the speaker's own.
    """
    others = [name for name in corpus.speakers if name != corpus.speaker]
    what = "learned first and as context" if learned else "as context"
    return f"with lines of {', '.join(others)} {what}" if others else ""


def staying_told(names: Sequence[str], processor: str) -> str:
    """Whose words do not go out, and why."""
    return f"Words of {', '.join(names)} stay here: they did not agree to {processor!r}."

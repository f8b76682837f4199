"""From messages to what one clone is trained on, pure."""

from botconvo.corpus.corpus import MIN_OWN_LINES, Corpus, build_corpus
from botconvo.corpus.sessions import SILENCE, Session, split_into_sessions

__all__ = [
    "MIN_OWN_LINES",
    "SILENCE",
    "Corpus",
    "Session",
    "build_corpus",
    "split_into_sessions",
]

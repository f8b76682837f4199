"""From messages to what one clone is trained on, pure."""

from botconvo.corpus.corpus import MIN_OWN_LINES, Corpus, build_corpus
from botconvo.corpus.redaction import Kind, Private, find_private
from botconvo.corpus.selection import Redacted, Selected, select
from botconvo.corpus.sessions import SILENCE, Session, split_into_sessions
from botconvo.corpus.telling import told_manners
from botconvo.corpus.timing import Observed, learned_manners, observe

__all__ = [
    "MIN_OWN_LINES",
    "SILENCE",
    "Corpus",
    "Kind",
    "Observed",
    "Private",
    "Redacted",
    "Selected",
    "Session",
    "build_corpus",
    "find_private",
    "learned_manners",
    "observe",
    "select",
    "split_into_sessions",
    "told_manners",
]

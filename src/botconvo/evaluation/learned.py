"""Until when a clone was trained, and on what.  Pure.

The manifest knows (``trained_until``).  Of a clone without it, the corpus is built again as it was
for training; where the digest shows that it is another one by now, the clone may have seen
everything from before it was made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from botconvo.corpus import Corpus, Session
from botconvo.errors import CorpusError
from model_server.checkpoint.manifest import Manifest

__all__ = ["Learnt", "learnt_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What a clone was trained on, and the last moment of it.

    ``guessed`` says that nobody knows, and that it is everything until then.
    """

    sessions: tuple[Session, ...]
    until: datetime
    guessed: bool = False


def learnt_of(
    manifest: Manifest,
    sessions: Sequence[Session],
    speaker: str,
    build: Callable[[], Corpus],
    *,
    since: datetime | None = None,
) -> Learnt:
    """``sessions`` are everybody's, ``build`` makes the clone's corpus as training does.

    ``since`` is what the owner says: nothing from then on was trained on.  It counts where the
    clone itself does not tell.
    """
    own = [session for session in sessions if session.said_by(speaker)]
    told = manifest.training.get("trained_until")
    if isinstance(told, str):
        until = datetime.fromisoformat(told)
        return Learnt(sessions=_until(own, until), until=until)
    try:
        corpus = build()
    except CorpusError:  # too little is left of it; it may have been enough once
        corpus = None
    if corpus is not None and corpus.digest() == manifest.corpus_sha256:
        known = corpus.trained_until
        if known is not None:
            return Learnt(sessions=corpus.train, until=known)
    until = since or manifest.created
    return Learnt(sessions=_until(own, until), until=until, guessed=since is None)


def _until(sessions: Sequence[Session], until: datetime) -> tuple[Session, ...]:
    return tuple(session for session in sessions if session.started <= until)

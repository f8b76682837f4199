"""What a clone was trained on, and what it has never seen, of everybody who agreed.

Measuring and the blind game both begin here.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from botconvo.corpus import Corpus, Session, build_corpus, split_into_sessions
from botconvo.evaluation.learned import Learnt, learnt_of
from botconvo.gathering import Gathered
from botconvo.messages import Message
from botconvo.model_process import ModelSpec
from botconvo.transcript.cleaning import PROFILES
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.prompt_format import PromptFormat

__all__ = ["checkpoint_of", "learnt_by", "sessions_of"]


def checkpoint_of(spec: ModelSpec) -> Checkpoint:
    """
    Raises:
        CheckpointError: it cannot be read.
    """
    return load_checkpoint(spec.checkpoint, base=None if spec.base is None else spec.base.parent)


def sessions_of(
    gathered: Gathered, form: PromptFormat, messages: Sequence[Message] | None = None
) -> tuple[Session, ...]:
    """All sessions of everybody who agreed, or of these ``messages`` of theirs."""
    return split_into_sessions(
        gathered.messages if messages is None else messages,
        gathered.people,
        PROFILES[form.cleaning],
        silence=timedelta(seconds=form.init_after_s),
    )


def learnt_by(
    checkpoint: Checkpoint,
    gathered: Gathered,
    form: PromptFormat,
    sessions: Sequence[Session],
    *,
    since: datetime | None = None,
) -> Learnt:
    """What the clone of ``gathered.person`` was trained on; see ``learnt_of``."""
    name = gathered.person.name
    build = partial(_corpus, gathered, name, form)
    return learnt_of(checkpoint.manifest, sessions, name, build, since=since)


def _corpus(gathered: Gathered, name: str, form: PromptFormat) -> Corpus:
    return build_corpus(
        gathered.messages,
        gathered.people,
        name,
        cleaning=PROFILES[form.cleaning],
        init_after=timedelta(seconds=form.init_after_s),
    )

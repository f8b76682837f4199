"""What ``serve-model`` does before a model server runs: whose clone it is, and whether they agree.

Loads as little as it can: whoever waits for a clone waits for this.
"""

import hashlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from botconvo.checkpoints import (
    bound_person,
    consenting_person,
    open_checkpoint,
    project_cache,
    refuse_disabled,
)
from botconvo.environment import read_environment
from botconvo.errors import ConsentError
from botconvo.store import STORE_NAME, Store
from model_server.checkpoint.folder import Checkpoint
from model_server.checkpoint.manifest import MANIFEST_NAME, Consent, Source
from model_server.checkpoint.opening import DEFAULT_PRECISION

__all__ = ["serve_checkpoint"]

logger = logging.getLogger(__name__)

_LOOK_S = 1.0
"""How often the store is looked at: a withdrawal comes from another process."""


def serve_checkpoint(checkpoint: Path, project: Path, **words: Any) -> None:
    """Look up the consent, then serve until stopped.

    Raises:
        ConsentError: nobody agreed to this clone.
        ModelServerError: the checkpoint or the address cannot be used, or there is no token.
    """
    from model_server.serving import Options, serve_or_raise

    opened = open_checkpoint(
        checkpoint, project_cache(project), words.get("precision", DEFAULT_PRECISION)
    )
    manifest, permit = opened.manifest, opened.digest
    name, path = manifest.persona or str(checkpoint), project / STORE_NAME
    if manifest.consent is not None:
        agreement = manifest.consent
        if not (agreement.fictional and not path.exists()):
            news = _News(opened, name)
            _check_and_watch(
                path, lambda store: _check_consent(store, agreement, opened, name), news.tell
            )
    elif manifest.source is not None:
        source = manifest.source
        if _is_bound(source, path, name):
            _check_and_watch(path, lambda store: _check_bound(store, source, name))
        else:
            permit = ""
    options = Options(checkpoint=opened.folder, permit=permit, **words)
    serve_or_raise(options, read_environment(project), opened)


class _News:
    """Tells once that the checkpoint's folder holds another version than the one that is served."""

    def __init__(self, opened: Checkpoint, name: str) -> None:
        self._manifest, self._digest = opened.folder / MANIFEST_NAME, opened.digest
        self._name = name

    def tell(self) -> None:
        with suppress(OSError):  # it is missing for a moment while it is exchanged
            digest = hashlib.sha256(self._manifest.read_bytes()).hexdigest()
            if digest != self._digest:
                self._digest = digest
                logger.warning(
                    "%s: %s holds another version now; start this server again to serve that",
                    self._name,
                    self._manifest.parent,
                )


def _check_and_watch(
    path: Path, check: Callable[[Store], None], look: Callable[[], None] = lambda: None
) -> None:
    """Check now; and while the server runs, end it once the clone may not be served any more.

    ``look`` is called as often as the store is looked at.
    A withdrawal is seen as soon as it is written, an end of the consent when it comes.

    Raises:
        ConsentError: nobody agreed to this clone.
    """
    with Store.open(path, create=False) as store:
        check(store)

    def watch() -> None:
        with Store.open(path, create=False) as store:
            forgets = store.forgets()
            while True:
                time.sleep(_LOOK_S)
                look()
                try:
                    check(store)
                except ConsentError as error:
                    _end(str(error))
                if store.forgets() != forgets:
                    _end("somebody was forgotten, whose words it may remember; start it again")

    threading.Thread(target=watch, daemon=True, name="consent").start()


def _end(why: str) -> NoReturn:
    logger.error("the server ends: %s", why)
    if os.name == "nt":
        signal.raise_signal(signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGTERM)
    sys.exit()  # this thread alone


def _is_bound(source: Source, path: Path, name: str) -> bool:
    """Whether a person agreed to a clone that names nobody; what nobody knows is served too."""
    if not path.exists():
        return False
    with Store.open(path, create=False) as store:
        return bound_person(store, source.sha256, name, datetime.now(UTC)) is not None


def _check_bound(store: Store, source: Source, name: str) -> None:
    if bound_person(store, source.sha256, name, datetime.now(UTC)) is None:
        raise ConsentError(f"{name}: nobody is bound to this clone any more")


def _check_consent(store: Store, consent: Consent, checkpoint: Checkpoint, name: str) -> None:
    consenting_person(consent, store, name)
    refuse_disabled(checkpoint, store, name)

"""What ``serve-model`` does before a model server runs: whose clone it is, and whether they agree.

Loads as little as it can: whoever waits for a clone waits for this.
"""

import logging
import os
import signal
import sys
import threading
import time
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
from model_server.checkpoint.manifest import Consent, Source
from model_server.checkpoint.opening import DEFAULT_PRECISION

__all__ = ["serve_checkpoint"]

logger = logging.getLogger(__name__)

_LOOK_S = 1.0
"""How often the store is looked at: a withdrawal comes from another process."""


def serve_checkpoint(checkpoint: Path, project: Path, **words: Any) -> int:
    """Look up the consent, then serve until stopped; the exit code.

    Raises:
        ConsentError: nobody agreed to this clone.
        ModelServerError: the checkpoint or the address cannot be used.
    """
    from model_server.__main__ import Options, serve

    opened = open_checkpoint(
        checkpoint, project_cache(project), words.get("precision", DEFAULT_PRECISION)
    )
    manifest, permit = opened.manifest, opened.digest
    name = manifest.persona or str(checkpoint)
    if manifest.consent is not None:
        _check_consent(manifest.consent, opened, project, name)
    elif manifest.source is not None and not _is_bound(manifest.source, project, name):
        permit = ""
    if manifest.consent is not None and (project / STORE_NAME).exists():
        _watch_consent(manifest.consent, opened, project, name)
    options = Options(checkpoint=opened.folder, permit=permit, **words)
    return serve(options, read_environment(project), opened)


def _watch_consent(consent: Consent, checkpoint: Checkpoint, project: Path, name: str) -> None:
    """End this process once the clone may not be served any more, or its memory has to go."""

    def watch() -> None:
        with Store.open(project / STORE_NAME, create=False) as store:
            seen, forgets = store.data_version(), store.forgets()
            while True:
                time.sleep(_LOOK_S)
                if (version := store.data_version()) == seen:
                    continue
                seen = version
                try:
                    consenting_person(consent, store, name)
                    refuse_disabled(checkpoint, store, name)
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


def _is_bound(source: Source, project: Path, name: str) -> bool:
    """Whether a person agreed to a clone that names nobody; what nobody knows is served too."""
    path = project / STORE_NAME
    if not path.exists():
        return False
    with Store.open(path, create=False) as store:
        return bound_person(store, source.sha256, name, datetime.now(UTC)) is not None


def _check_consent(consent: Consent, checkpoint: Checkpoint, project: Path, name: str) -> None:
    path = project / STORE_NAME
    if consent.fictional and not path.exists():
        return
    with Store.open(path, create=False) as store:
        consenting_person(consent, store, name)
        refuse_disabled(checkpoint, store, name)

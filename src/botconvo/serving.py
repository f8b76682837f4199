"""What ``serve-model`` does before a model server runs: whose clone it is, and whether they agree.

Loads as little as it can: whoever waits for a clone waits for this.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botconvo.checkpoints import bound_person, consenting_person, open_checkpoint, project_cache
from botconvo.environment import read_environment
from botconvo.store import STORE_NAME, Store
from model_server.checkpoint.manifest import Consent, Source
from model_server.checkpoint.opening import DEFAULT_PRECISION

__all__ = ["serve_checkpoint"]


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
    name = manifest.persona or str(checkpoint)
    if manifest.consent is not None:
        _check_consent(manifest.consent, project, name)
    elif manifest.source is not None and not _is_bound(manifest.source, project, name):
        permit = ""
    options = Options(checkpoint=opened.folder, permit=permit, **words)
    serve_or_raise(options, read_environment(project), opened)


def _is_bound(source: Source, project: Path, name: str) -> bool:
    """Whether a person agreed to a clone that names nobody; what nobody knows is served too."""
    path = project / STORE_NAME
    if not path.exists():
        return False
    with Store.open(path, create=False) as store:
        return bound_person(store, source.sha256, name, datetime.now(UTC)) is not None


def _check_consent(consent: Consent, project: Path, name: str) -> None:
    path = project / STORE_NAME
    if consent.fictional and not path.exists():
        return
    with Store.open(path, create=False) as store:
        consenting_person(consent, store, name)

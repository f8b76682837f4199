"""The words of the demo's invented friends, where a store of them is asked for."""

from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from threading import Lock

from botconvo.consent import Terms
from botconvo.granting import grant
from botconvo.store import Store
from botconvo.taking import take_exports

__all__ = ["SampleWords"]

_FRIENDS = ("Juno", "Marek", "Tilly", "Dex")
"""Those who have a clone, and saw no words of others in their training."""


class SampleWords:
    """A store with the sample server and its friends' fictional consent, made when first asked for.

    That takes seconds, and most people who try the demo never play with it.  It may be called in
    several threads.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._making, self._made = path, Lock(), False

    def __call__(self) -> Path:
        """
        Raises:
            StoreError: it cannot be written.
        """
        with self._making:
            if not self._made:
                self._make()
                self._made = True
        return self._path

    def _make(self) -> None:
        now, terms = datetime.now(UTC), Terms(fictional=True, game=True)
        sample = files("botconvo") / "demo" / "sample-server.json"
        with as_file(sample) as export, Store.open(self._path) as store:
            take_exports(store, [export], now)
            for name in _FRIENDS:
                grant(store, name, terms, now)

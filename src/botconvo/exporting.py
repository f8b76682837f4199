"""One person's own words as a single-column CSV, for what trains on such a file (gpt-2-simple).

It stands behind the gate of training, ``gathering``: no words leave the store without a live
consent.  What was said goes through the same cleaning as a clone's corpus.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from botconvo.errors import CorpusError
from botconvo.gathering import gather
from botconvo.importers.single_column_csv import print_rows
from botconvo.store import Store
from botconvo.transcript.cleaning import PROFILES
from botconvo.writing import refuse_existing, write_whole

__all__ = ["Exported", "export_csv"]

_CLEANING = PROFILES["chat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What came of it.  ``wordless`` messages hold nothing that a row could be made of,
    ``redacted`` ones something private."""

    person: str
    path: Path
    rows: int
    wordless: int
    redacted: int


def export_csv(
    store: Store, name: str, path: Path, now: datetime, *, force: bool = False, redact: bool = True
) -> Exported:
    """Write everything that ``name`` wrote, channel by channel and oldest first, into ``path``.

    Raises:
        ConsentError: the person has no live consent, or rows come from Discord's API and the owner
            has not acknowledged its rule.
        CorpusError: nothing that the person wrote is there.
        OutputError: the file is there and ``force`` is False, or it cannot be written.
    """
    if not force:
        refuse_existing(path)
    gathered = gather(store, name, now, context=False, redact=redact)
    cleaned = [_CLEANING(message.text) for message in gathered.messages]
    texts = [text for text in cleaned if text]
    if not texts:
        raise CorpusError(f"nothing that {gathered.person.name} wrote holds words to export")
    write_whole(path, print_rows(texts), force=force)
    store.note_file(path, "csv", {gathered.person.id})
    return Exported(
        person=gathered.person.name,
        path=path,
        rows=len(texts),
        wordless=len(cleaned) - len(texts),
        redacted=len(gathered.selected.redacted),
    )

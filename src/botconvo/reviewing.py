"""What a corpus leaves out of one person's words, for the owner to look through."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from botconvo.corpus import Kind, Redacted
from botconvo.gathering import gather
from botconvo.store import Store

__all__ = ["Review", "review"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Of the ``messages`` that ``person`` wrote, those that are left out, and counts of others."""

    person: str
    messages: int
    redacted: tuple[Redacted, ...]
    commands: int
    duplicates: int
    pasted: int

    @property
    def kinds(self) -> Counter[Kind]:
        """How often each kind was found."""
        return Counter(found.kind for line in self.redacted for found in line.found)


def review(store: Store, name: str, now: datetime) -> Review:
    """
    Raises:
        ConsentError: the person has no live consent.
        CorpusError: nothing of the person was taken.
    """
    gathered = gather(store, name, now, context=False, training=False)
    selected = gathered.selected
    left_out = len(selected.redacted) + selected.commands
    return Review(
        person=gathered.person.name,
        messages=len(selected.messages) + left_out,
        redacted=selected.redacted,
        commands=selected.commands,
        duplicates=selected.duplicates,
        pasted=selected.pasted,
    )

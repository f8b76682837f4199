"""From author ids and aliases to the one name that a person has in transcripts.

Pure values; which aliases belong together is the owner's word (``config.toml``), never a guess.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from botconvo.messages import Author, AuthorId

__all__ = ["People", "Person", "letters", "speaker_name"]

_NOT_IN_A_NAME = re.compile(r"[\s:;\\]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A human being: one speaker name, and every author id that is theirs."""

    name: str
    authors: frozenset[AuthorId]


def speaker_name(shown: str) -> str:
    """A shown name made fit for the transcript grammar: no colon, no line break, never empty."""
    name = _NOT_IN_A_NAME.sub(" ", shown).strip()
    return name[:32].rstrip() or "someone"


class People:
    """Looks up the speaker name of an author; unknown authors keep their own shown name."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        people = tuple(people)
        self._authors = {person.name.casefold(): person.authors for person in people}
        self._names: Mapping[AuthorId, str] = {
            author: person.name for person in people for author in person.authors
        }

    def speaker(self, author: Author) -> str:
        return self._names.get(author.id) or speaker_name(author.name)

    def authors_of(self, name: str) -> frozenset[AuthorId]:
        """All authors of the person of that name, whatever its case; none where there is none."""
        return self._authors.get(name.casefold(), frozenset())

    def known(self, author: AuthorId) -> str | None:
        """The name that the owner gave to an author; None where it is only a shown one."""
        return self._names.get(author)


def letters(name: str) -> str:
    """Letters and digits alone, so that ``bort`` finds ``Bort 🛹``; the name itself without any."""
    return "".join(filter(str.isalnum, name.casefold())) or name

"""A persona: a clone as the conversation sees it, without its checkpoint, process or address."""

from dataclasses import dataclass
from typing import NewType

from botconvo.messages import Author
from model_server.checkpoint.learned_manners import LearnedManners

__all__ = ["Persona", "PersonaName", "Sampling"]

PersonaName = NewType("PersonaName", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How completions are drawn.  None of the fields means "leave it to the preset"."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    max_tokens: int | None = None
    max_total_tokens: int | None = None
    """The prompt's and the completion's together."""

    def over(self, below: "Sampling") -> "Sampling":
        """These settings, with the gaps filled from ``below``."""
        pairs = {
            name: getattr(below, name) if getattr(self, name) is None else getattr(self, name)
            for name in Sampling.__slots__
        }
        return Sampling(**pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """``name`` is shown and is also the speaker's name in transcripts.

    ``talkativeness`` is the relative weight with which it takes a free turn (0 = only when spoken
    to, 1 = twice as often as the usual 0.5); None leaves it to what was learned of the friend.
    """

    name: PersonaName
    talkativeness: float | None = None
    sampling: Sampling = Sampling()
    learned: LearnedManners | None = None
    """How the friend took part in talks, as far as anybody knows."""
    platforms: frozenset[str] | None = None
    """Where it may talk; None: everywhere."""
    audience: frozenset[str] | None = None
    """Ids of the authors, and of their groups, who may talk to it; None: anyone."""
    confided: frozenset[str] | None = None
    """Ids of the authors whose words its model may be told, where it is elsewhere; None: all."""

    def hears(self, author: Author) -> bool:
        """Whether what somebody says is said to it too; clones hear each other in any case."""
        if author.kind in ("clone", "system"):
            return True
        if self.confided is not None and author.id not in self.confided:
            return False
        if self.audience is None:
            return True
        return author.id in self.audience or not self.audience.isdisjoint(author.groups)

"""How lines become a prompt, saved with the weights so that training and serving always agree.

Standard library only: the trainer, the orchestrator and the model server all import it.  It knows
nothing of messages, people or models; lines come printed.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["PromptFormat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFormat:
    """The prompt format of one checkpoint.

    ``kind`` is "transcript" (lines of the transcript grammar, the persona's open line last) or
    "plain" (the opening words alone).  ``speaker`` is the persona's name in the transcript,
    ``cleaning`` the profile of ``botconvo.transcript.cleaning`` that its corpus went through, and
    ``init_after_s`` the silence in seconds after which a conversation begins anew.
    """

    kind: Literal["transcript", "plain"] = "transcript"
    speaker: str
    cleaning: str = "chat"
    init_after_s: float = 1800.0
    version: int = 1

    def render(self, lines: Sequence[str], *, opening: str = "", open: bool = True) -> str:
        """The prompt text; ``opening`` are words that the reply has to begin with.

        An open prompt ends right behind the speaker's colon or the opening, never in a space:
        GPT-2's tokens carry their space in front, and a trailing one wrecks the next token.
        """
        opening = opening.strip()
        if self.kind == "plain":
            return opening
        rows = list(lines)
        if open:
            rows.append(f"{self.speaker}: {opening}" if opening else f"{self.speaker}:")
        return "\n".join(rows) if open else "".join(f"{row}\n" for row in rows)

    def stops(self) -> tuple[str, ...]:
        """Texts that end a completion."""
        return ("\n",) if self.kind == "transcript" else ("<|endoftext|>",)

    def digest(self) -> str:
        """A short digest that two sides compare before they work together."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

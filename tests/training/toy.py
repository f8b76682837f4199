"""A friend who is easy to learn, and settings for a run of a second."""

import random

from builders import a_message, a_reaction
from tiny_model import tiny_architecture, tiny_tokens

from botconvo.messages import Message
from botconvo.training.settings import TrainingSettings

__all__ = ["QUICK", "TINY", "TOKENS", "toy_messages"]

TOKENS = tiny_tokens()
TINY = tiny_architecture(TOKENS)
QUICK = TrainingSettings(
    epochs=2.0,
    everybody=0.0,
    method="lora",
    rank=4,
    rate=1e-2,
    block=96,
    batch=8,
    warmup=2,
    context_weight=0.0,
)
_WORDS = "hello there what is up today the cat and dog are fine thanks time is here".split()
_BORTS = ("potato time", "potato time is here", "the potato is fine", "what is a potato")


def toy_messages(sessions: int = 16) -> list[Message]:
    """Sessions of eight messages, a day apart: Fishvilla babbles, Bort speaks of potatoes."""
    rng = random.Random(7)
    return [_message(session, place, rng) for session in range(sessions) for place in range(8)]


def _message(session: int, place: int, rng: random.Random) -> Message:
    bort = place % 2 == 1
    return a_message(
        rng.choice(_BORTS) if bort else " ".join(rng.choices(_WORDS, k=4)),
        author="Bort" if bort else "Fishvilla",
        minutes=session * 1440 + place,
        id=f"{session}-{place}",
        reactions=[a_reaction("👍", by="Fishvilla")] if place == 3 else (),
        reply_to=f"{session}-4" if place == 5 else None,
    )

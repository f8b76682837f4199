"""Who has the next turn.  Pure; every draw comes from the generator that the caller hands in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from botconvo.conversation.manners import Manners
from botconvo.personas import Persona, PersonaName

__all__ = ["USUAL", "Turn", "by_urge", "choose_speaker", "goes_on", "named_in", "talkativeness"]

USUAL = 0.5
"""How much whoever nobody has said anything about talks."""

_PATIENCE = 0.35
"""Weight gained with every message that a persona let pass; found by reading talks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A persona and, in a few words, why it has the turn."""

    persona: Persona
    reason: str


def named_in(text: str, personas: Sequence[Persona]) -> tuple[Persona, ...]:
    """The personas whose name stands in the text as a word, in the order of the text."""
    found = []
    for persona in personas:
        match = re.search(rf"(?<!\w){re.escape(persona.name)}(?!\w)", text, re.IGNORECASE)
        if match is not None:
            found.append((match.start(), persona))
    return tuple(persona for _, persona in sorted(found, key=lambda pair: pair[0]))


def talkativeness(persona: Persona, manners: Manners) -> float:
    """What the owner says, else what was learned of the friend, else what is usual."""
    if persona.talkativeness is not None:
        return persona.talkativeness
    learned = persona.learned if manners.learned_manners else None
    if learned is None or learned.talkativeness is None:
        return USUAL
    return learned.talkativeness


def goes_on(persona: Persona, said: int, manners: Manners, rng: Random) -> bool:
    """Whether somebody who has written ``said`` messages in a row (from 1) writes another.

    By the friend's own rows: of those with so many messages or more, the share with more.
    """
    learned = persona.learned if manners.learned_manners else None
    if learned is None or learned.bursts is None or said >= manners.longest_burst:
        return False
    shares = learned.bursts.shares
    as_long, longer = sum(shares[said - 1 :]), sum(shares[said:])
    return longer > 0.0 and rng.random() < longer / as_long


def choose_speaker(
    personas: Sequence[Persona],
    *,
    last: PersonaName | None,
    silent_for: Mapping[PersonaName, int],
    manners: Manners,
    rng: Random,
) -> Turn | None:
    """A free turn.  None when nobody may take it.

    ``silent_for`` counts the messages since each persona last spoke.  That nobody speaks twice in a
    row is a law for several: one persona alone goes on.  Whoever is known to write several messages
    in a row has written them when a turn is free, and leaves it to others if there are any.
    """
    if len(personas) == 1:
        last = None
    weights = [_weight(persona, last, silent_for, manners) for persona in personas]
    rest = [
        0.0 if each.name == last and _knows_rows(each, manners) else weight
        for each, weight in zip(personas, weights, strict=True)
    ]
    weights = rest if sum(rest) > 0.0 else weights
    total = sum(weights)
    if total <= 0.0:
        return None
    persona = rng.choices(personas, weights)[0]
    odds = weights[list(personas).index(persona)] / total
    return Turn(persona=persona, reason=f"a free turn, drawn with odds of {odds:.0%}")


def by_urge(
    personas: Sequence[Persona],
    urges: Mapping[PersonaName, float],
    *,
    manners: Manners,
    rng: Random,
) -> Turn | None:
    """A free turn by the models' own word; ``urges`` are probabilities, one of each model.

    Whoever's model could not tell has none here: it never lurks into a talk, and else it counts as
    the others do on average, so that one clone that has learned who speaks does not silence those
    that have not.  None when nobody wants the turn.
    """
    lurks = manners.speakers == "lurk"
    usual = 0.0 if lurks or not urges else sum(urges.values()) / len(urges)
    weights = [urges.get(persona.name, usual) for persona in personas]
    least = manners.lurk_from if lurks else 0.0
    weights = [weight if weight >= least else 0.0 for weight in weights]
    if sum(weights) <= 0.0:
        return None
    persona = rng.choices(personas, weights)[0]
    if persona.name not in urges:
        return Turn(persona=persona, reason="a free turn; its model could not tell whose it is")
    return Turn(persona=persona, reason=f"its model gives it {urges[persona.name]:.0%} of the turn")


def _knows_rows(persona: Persona, manners: Manners) -> bool:
    learned = persona.learned if manners.learned_manners else None
    return learned is not None and learned.bursts is not None


def _weight(
    persona: Persona,
    last: PersonaName | None,
    silent_for: Mapping[PersonaName, int],
    manners: Manners,
) -> float:
    again = manners.same_speaker if persona.name == last else 1.0
    if manners.speakers == "uniform":
        return again
    patience = 1.0 + _PATIENCE * min(silent_for.get(persona.name, 8), 8)
    return talkativeness(persona, manners) * again * patience

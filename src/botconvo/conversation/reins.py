"""What people may do to a talk with words and emoji alone: the kill word, votes, stars.  Pure."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from botconvo.conversation.events import Approve, OrderId, Reject, Steer
from botconvo.messages import Author, AuthorId, Message, Reaction
from botconvo.people import People

__all__ = [
    "Judges",
    "Law",
    "Wish",
    "decides_alone",
    "introduction",
    "is_kill_word",
    "is_voted_out",
    "is_wish",
    "next_ask",
    "wish",
    "without_reaction",
    "without_wishes",
    "word_on_draft",
]

Judges = Literal["owners", "moderators", "everybody"]
"""Owners and the cloned person always; then those who moderate a channel; then everybody."""
Wish = Literal["delete", "keep"]
"""What an emoji on a clone's line asks for."""

_WISHES: dict[str, Wish] = {"🗑": "delete", "⭐": "keep", "🌟": "keep"}
_YES = frozenset("✅👍✔☑")
_NO = frozenset("❌👎✖🚫")
_NOT_A_WORD = re.compile(r"[\W_]+")
_VARIATIONS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
"""Text or picture form, and skin tones: the same sign to whoever puts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """Who decides what; the owner writes it into ``config.toml``."""

    kill_word: str = "bots stop"
    """Whoever writes it and nothing else silences the channel; empty: there is none."""
    delete_votes: int = 2
    """People who have to ask for a line's removal; of an owner, or of the cloned person, one."""
    owners: frozenset[AuthorId] = frozenset()
    curated: bool = False
    """Whether a person reads every line before it is posted."""
    judges: Judges = "moderators"
    """Whose ⭐, 🗑 and "would never say that" teach a clone."""
    asks: int = 6
    """How often a person may set a topic or ask a clone within ``asks_within``; owners, without
    end.  0: everybody may."""
    asks_within: timedelta = timedelta(minutes=10)


def is_kill_word(text: str, kill_word: str) -> bool:
    """Whether a message is the kill word: however written, alone or behind a mention."""
    word, said = _folded(kill_word), _folded(text)
    if not word:
        return False
    return said == word or (text.lstrip().startswith("@") and said.endswith(f" {word}"))


def wish(emoji: str) -> Wish | None:
    """What an emoji asks for; None where it is only an emoji."""
    return _WISHES.get(_plain(emoji))


def without_wishes(reactions: Sequence[Reaction]) -> tuple[Reaction, ...]:
    """The reactions that are part of the talk."""
    return tuple(reaction for reaction in reactions if not is_wish(reaction))


def without_reaction(message: Message, emoji: str, author: Author) -> Message:
    """The message after somebody took an emoji back; platforms may not tell their name again."""
    kept = tuple(
        each
        for each in message.reactions
        if each.emoji != emoji or each.author is None or each.author.id != author.id
    )
    return replace(message, reactions=kept)


def is_wish(reaction: Reaction) -> bool:
    """Whether a person asks for something with it; what a clone puts is only an emoji."""
    author = reaction.author
    return author is not None and author.kind == "person" and wish(reaction.emoji) is not None


def is_voted_out(message: Message, law: Law, people: People) -> bool:
    """Whether enough people ask for the removal of a clone's line."""
    if message.author.kind != "clone":
        return False
    voters = {
        reaction.author.id: reaction.author
        for reaction in message.reactions
        if is_wish(reaction) and wish(reaction.emoji) == "delete" and reaction.author is not None
    }
    if any(decides_alone(voter, message.author.name, law, people) for voter in voters.values()):
        return True
    return len(voters) >= law.delete_votes


def decides_alone(author: Author, persona: str, law: Law, people: People) -> bool:
    """Whether somebody's word is enough: an owner's, or that of the person who was cloned.

    Whoever was cloned is known by ``[[people]]`` of the settings, never by a shown name: anybody
    can take one.
    """
    return author.id in law.owners or people.known(author.id) == persona


def next_ask(asked: Sequence[datetime], now: datetime, law: Law) -> datetime | None:
    """When somebody may ask again who has asked at these times, oldest first; None: now."""
    lately = [at for at in asked if at > now - law.asks_within]
    if not law.asks or len(lately) < law.asks:
        return None
    return lately[-law.asks] + law.asks_within


def word_on_draft(emoji: str, order: OrderId) -> Steer | None:
    """What an emoji on a line that waits says about it."""
    sign = _plain(emoji)
    if sign in _YES:
        return Approve(order=order)
    if sign in _NO:
        return Reject(order=order)
    return Reject(order=order, for_good=True) if wish(emoji) == "delete" else None


def introduction(
    names: Sequence[str], law: Law, *, commands: bool, invented: Collection[str] = ()
) -> str:
    """What a channel is told before the first clone speaks in it.

    ``commands`` says whether there are slash commands; ``names`` are those of the clones, and
    ``invented`` those that are nobody's clone.
    """
    words = [
        f"{_listed(names, 'is a bot', 'are bots')}: a language model writes what they say, and"
        " nobody really said it.",
        _origins(names, invented),
        "A person reads every line before it is posted."
        if law.curated
        else "Nobody reads the lines before they are posted.",
        "What is written here may be what they answer to.",
    ]
    if commands:
        words.append("With /ignoreme your words are never shown to them; /botconvo help says more.")
    if law.kill_word.strip():
        words.append(
            f'Write "{law.kill_word}" and they are silent here until somebody lets them on.'
        )
    words.append("🗑 on a line asks for its removal, ⭐ keeps it.")
    return " ".join(words)


def _origins(names: Sequence[str], invented: Collection[str]) -> str:
    """Who is a real person's clone, and who is nobody's."""
    real = [name for name in names if name not in invented]
    made_up = [name for name in names if name in invented]
    if len(names) > 1 and not real:
        return "They are invented characters."
    if len(names) > 1 and not made_up:
        return "They are clones of people who agreed to it."
    told = []
    if real:
        one, many = "is the clone of a person", "are clones of people"
        told.append(f"{_listed(real, one, many)} who agreed to it")
    if made_up:
        told.append(_listed(made_up, "is an invented character", "are invented characters"))
    return f"{'; '.join(told)}."


def _listed(names: Sequence[str], one: str, many: str) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last} {many}" if others else f"{last} {one}"


def _folded(text: str) -> str:
    return _NOT_A_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _plain(emoji: str) -> str:
    return _VARIATIONS.sub("", emoji.strip())

"""Where the blind game is played: rounds are dealt, answered and kept.

The clone's line is drawn where the friend's stands, by the running model server, with the voice,
the filters and the choice of a live talk.  The friend's line goes through the same judgement, but
for the leak gate, which would know it; where either is not fit, or they are no fair pair, neither
is shown.  The clone is asked before the coin falls, so that neither the wait nor its silence tells.

Consent is looked at again with every round and with every answer.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from botconvo.blind_game.material import Agreed, Deck, Material, Played, deck_of, permitted
from botconvo.blind_game.material import real_line as real_line_at
from botconvo.errors import BotConvoError, ConsentError, CorpusError, PlatformError
from botconvo.evaluation.drawing import reply_at
from botconvo.game.rounds import Deal, Guess, Round, Spot, Verdict, deal, fair_pair, order_of
from botconvo.game.score import Score
from botconvo.messages import Author, AuthorId
from botconvo.personas import PersonaName
from botconvo.store import Store
from botconvo.voices import Voice

__all__ = ["BlindGame"]

_LOOKED_AT = 12
"""Places at which a fair pair is looked for before a player is told that there is none."""
_OPEN = 256
"""Rounds that wait for an answer; older ones are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """A round that waits for its answer; ``agreed`` are the records of those who are in it.

    ``player`` is opaque, ``friend`` the name under which rounds are kept.
    """

    deal: Deal
    author: AuthorId
    player: str
    friend: str
    checkpoint: str
    agreed: Agreed


class BlindGame:
    """Implements ``Game``; ``find`` gives the clone of a name, if it can be played with now."""

    def __init__(self, material: Material, find: Callable[[PersonaName], Played | None]) -> None:
        self._material, self._find = material, find
        self._open: dict[str, _Open] = {}
        self._decks: dict[PersonaName, Deck] = {}
        """The last of every clone; nothing older is kept in memory."""
        self._dealing = asyncio.Lock()

    def let_go(self) -> None:
        """Remember nobody's words any longer; what was shown cannot be answered."""
        self._open.clear()
        self._decks.clear()

    async def round(self, persona: PersonaName, player: Author, platform: str) -> Round:
        """See ``Game``."""
        # One at a time: whoever presses twice gets the same round twice, and no game, however many
        # play, asks a model server for more than one thing at once.
        async with self._dealing:
            played = self._played(persona)
            deck = await asyncio.to_thread(self._fitting_deck, played, player, platform)
            waiting = self._waiting(played, player)
            if waiting is None:
                waiting = await self._new(deck, played, player)
            await self._check(waiting, player, platform)
        score = await asyncio.to_thread(self._score, waiting)
        return replace(waiting.deal.round, score=score)

    async def answer(self, round_id: str, guess: Guess, player: Author, platform: str) -> Verdict:
        """See ``Game``."""
        waiting = self._open.get(round_id)
        if waiting is not None and waiting.author == player.id:
            await self._check(waiting, player, platform)
            if self._open.pop(round_id, None) is not None:  # not answered twice at once
                return await asyncio.to_thread(self._settle, waiting, guess)
        raise PlatformError("this round is over; begin another one")

    # ---- one round -----------------------------------------------------------------------

    def _played(self, persona: PersonaName) -> Played:
        played = self._find(persona)
        if played is None:
            raise PlatformError(f"{persona} is not there to play with; try again in a moment")
        return played

    def _waiting(self, played: Played, player: Author) -> _Open | None:
        """What was shown and not answered comes again: nobody leaves out the hard ones."""
        name, checkpoint = played.member.persona.name, played.spec.digest
        for each in self._open.values():
            is_of_clone = (each.deal.round.persona, each.checkpoint) == (name, checkpoint)
            if each.author == player.id and is_of_clone:
                return each
        return None

    async def _new(self, deck: Deck, played: Played, player: Author) -> _Open:
        token, past = await asyncio.to_thread(self._past, deck, player)
        name = deck.friend.name
        order = order_of(deck.spots, past, Random(secrets.randbits(64)))
        if not order:
            raise CorpusError(
                f"you have seen all that {name} wrote and the clone has not; import newer messages"
            )
        for index in order[:_LOOKED_AT]:
            pair = await self._pair(deck, played.voice, index)
            if pair is not None:
                return await asyncio.to_thread(
                    self._begin, deck, played, player, token, index, pair
                )
        raise CorpusError(
            f"at {min(len(order), _LOOKED_AT)} places there were no two lines, of {name} and of "
            "the clone, that could be compared; try again"
        )

    async def _pair(self, deck: Deck, voice: Voice, index: int) -> tuple[str, str] | None:
        """The friend's line and the clone's, as both would be posted; None: they do not fit."""
        place, manners = deck.places[index], self._material.manners
        real = real_line_at(deck, place, manners)
        if real is None:
            return None
        draw = f"game/{self._material.seed}/{deck.spots[index]}"
        line = await reply_at(voice, deck.speaker, manners, place, draw)
        if line is None or not line.says:
            return None
        most = deck.speaker.sampling.max_tokens or manners.max_tokens[1]
        return (real, line.argument) if fair_pair(real, line.argument, max_tokens=most) else None

    async def _check(self, waiting: _Open, player: Author, platform: str) -> None:
        """
        Raises:
            ConsentError: somebody in the round does not agree to it any more, so it is over.
        """
        try:
            played = self._played(waiting.deal.round.persona)
            agreed = await asyncio.to_thread(self._permitted, played, player, platform)
        except BotConvoError as error:
            self._open.pop(waiting.deal.round.id, None)
            raise ConsentError(f"the game is over: {error}") from None
        if any(agreed.get(author) != record for author, record in waiting.agreed.items()):
            self._open.pop(waiting.deal.round.id, None)
            raise ConsentError(
                "this round is over: somebody in it does not agree to the same any more; begin "
                "another one"
            )

    # ---- in a thread: the stores ---------------------------------------------------------

    def _permitted(self, played: Played, player: Author, platform: str) -> Agreed:
        now = self._material.now()
        with Store.open(self._material.words(), create=False) as store:
            return permitted(store, played.member, player, platform, now)[1]

    def _fitting_deck(self, played: Played, player: Author, platform: str) -> Deck:
        """The last deck, where it is still the one."""
        now, member = self._material.now(), played.member
        with Store.open(self._material.words(), create=False) as store:
            friend, agreed = permitted(store, member, player, platform, now)
            deck = self._decks.pop(member.persona.name, None)
            if deck is None or deck.agreed != agreed or deck.speaker.spec != played.spec:
                deck = deck_of(store, played, friend, agreed, self._material)
            self._decks[member.persona.name] = deck
            return deck

    def _past(self, deck: Deck, player: Author) -> tuple[str, Sequence[Spot]]:
        with Store.open(self._material.scores) as store:
            token = store.player(player.id)
            return token, store.shown_spots(token)

    def _begin(
        self,
        deck: Deck,
        played: Played,
        player: Author,
        token: str,
        index: int,
        pair: tuple[str, str],
    ) -> _Open:
        """The coin falls, and the round is kept before anybody sees it."""
        place, friend, checkpoint = deck.places[index], deck.friend, played.spec.digest
        dealt = deal(
            secrets.token_urlsafe(9),
            played.member.persona.name,
            deck.spots[index],
            place.context,
            real=pair[0],
            clone=pair[1],
            rng=Random(secrets.randbits(64)),
        )
        with Store.open(self._material.scores) as store:
            is_new = store.begin_round(
                token,
                friend.name,
                dealt.spot,
                person=friend.id,
                checkpoint=checkpoint,
                is_real=dealt.is_real,
                at=self._material.now(),
            )
        if not is_new:
            raise PlatformError("you play in another window too; go on there")
        names = {friend.name, *(line.name for line in place.context)}
        waiting = _Open(
            deal=dealt,
            author=player.id,
            player=token,
            friend=friend.name,
            checkpoint=checkpoint,
            agreed={
                author: record
                for author, record in deck.agreed.items()
                if deck.names.get(author) in names
            },
        )
        self._open[dealt.round.id] = waiting
        while len(self._open) > _OPEN:
            del self._open[next(iter(self._open))]
        return waiting

    def _score(self, waiting: _Open) -> Score:
        with Store.open(self._material.scores) as store:
            return store.score(waiting.friend, waiting.checkpoint, waiting.player)

    def _settle(self, waiting: _Open, guess: Guess) -> Verdict:
        guessed_real = guess == "friend"
        with Store.open(self._material.scores) as store:
            store.end_round(
                waiting.player,
                waiting.friend,
                waiting.deal.spot,
                guessed_real=guessed_real,
                at=self._material.now(),
            )
        return Verdict(
            persona=waiting.deal.round.persona,
            was_real=waiting.deal.is_real,
            is_right=guessed_real == waiting.deal.is_real,
            score=self._score(waiting),
        )

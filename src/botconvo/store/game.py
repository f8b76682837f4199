"""The store's part in the blind game: who was shown which line, and what they thought.

Players are opaque words; who they are stands in a table of its own, which can be erased.  No words
of anybody are kept: where a line stood is a digest and a number.
"""

import secrets
from datetime import datetime

from botconvo.consent import PersonId
from botconvo.game.rounds import Spot
from botconvo.game.score import Score
from botconvo.messages import AuthorId
from botconvo.store.database import Database
from botconvo.store.values import to_micros

__all__ = ["Games"]


class Games(Database):
    """The part of the store that keeps rounds."""

    def player(self, author: AuthorId) -> str:
        """The opaque word for somebody who plays; a new one for somebody new."""
        with self.transaction():
            self._do(
                "INSERT INTO players (player, author) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (f"g-{secrets.token_hex(6)}", author),
            )
            return str(self._rows("SELECT player FROM players WHERE author = ?", (author,))[0][0])

    def shown_spots(self, player: str) -> tuple[Spot, ...]:
        """What they were shown already, with any clone, whether they answered or not."""
        rows = self._rows("SELECT session, line FROM rounds WHERE player = ?", (player,))
        return tuple(Spot(session=session, line=line) for session, line in rows)

    def begin_round(
        self,
        player: str,
        persona: str,
        spot: Spot,
        *,
        person: PersonId,
        checkpoint: str,
        is_real: bool,
        at: datetime,
    ) -> bool:
        """Note a round before it is shown; False where it was shown to them before."""
        return bool(
            self._do(
                "INSERT INTO rounds (player, persona, session, line, person, checkpoint,"
                " is_real, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    player,
                    persona,
                    spot.session,
                    spot.line,
                    person,
                    checkpoint,
                    int(is_real),
                    to_micros(at),
                ),
            )
        )

    def end_round(
        self, player: str, persona: str, spot: Spot, *, guessed_real: bool, at: datetime
    ) -> bool:
        """Note the answer; False where there is none to be given (any more)."""
        return bool(
            self._do(
                "UPDATE rounds SET guessed_real = ?, at = ? WHERE player = ? AND persona = ?"
                " AND session = ? AND line = ? AND guessed_real IS NULL",
                (int(guessed_real), to_micros(at), player, persona, spot.session, spot.line),
            )
        )

    def score(self, persona: str, checkpoint: str, player: str | None = None) -> Score:
        """The answered rounds with one version of a clone, of one player or of everybody."""
        right, rounds, players = self._rows(
            "SELECT coalesce(sum(guessed_real = is_real), 0), count(*), count(DISTINCT player)"
            " FROM rounds WHERE guessed_real IS NOT NULL AND persona = ? AND checkpoint = ?"
            " AND (? IS NULL OR player = ?)",
            (persona, checkpoint, player, player),
        )[0]
        return Score(right=right, rounds=rounds, players=max(players, 1))

    def drop_rounds(self, person: PersonId) -> int:
        """Whoever withdrew is not played for; how many rounds there were."""
        return self._do("DELETE FROM rounds WHERE person = ?", (person,))

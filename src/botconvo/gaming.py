"""``botconvo game``: the blind game in the terminal, with a model server of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from botconvo.blind_game import BlindGame, Material, Played
from botconvo.build import build_cast, build_filter, build_material
from botconvo.chosen import with_personas
from botconvo.config import load_settings
from botconvo.evaluation.drawing import Speaker, speaking
from botconvo.game.rounds import Guess, Round, verdict_words
from botconvo.game.score import of_player
from botconvo.messages import Author, AuthorId
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.cast import CastMember
from botconvo.platforms.keyboard import typed
from botconvo.platforms.local import folded_name, visible, visible_name
from botconvo.ports import TextFilter
from botconvo.store import STORE_NAME, Store

__all__ = ["Game", "play_game"]

_ANSWERS: dict[str, Guess] = {"f": "friend", "friend": "friend", "c": "clone", "clone": "clone"}
_ASKED = "Friend or clone? Type f or c; an empty line ends the game."


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """What the command line says: whose clone, how many rounds (None: until nobody answers)."""

    project: Path
    name: str
    player: str
    rounds: int | None = None
    preset: str | None = None
    since: datetime | None = None


def play_game(game: Game, typed_in: Iterable[str], say: Callable[[str], None]) -> None:
    """Play with whoever types ``typed_in``; an empty line ends it, ``say`` prints a line.

    Raises:
        ConfigError: there is no such clone.
        ConsentError: somebody has not agreed, or no longer.
        CorpusError: there is nothing (left) to play with.
        VoiceError, CheckpointError: the clone cannot be served.
    """
    settings = load_settings(game.project / "config.toml", required=False)
    path = game.project / STORE_NAME
    with Store.open(path, create=False) as store:
        members = build_cast(with_personas(settings, game.project, (game.name,)), store)
        text_filter = build_filter(settings, members, store)
    member = members[0]
    assert isinstance(member.spec, ModelSpec)  # hosted ones were left out
    spec = replace(member.spec, port=0)  # a run may have its own
    material = build_material(
        settings,
        lambda: path,
        path,
        now=lambda: datetime.now(UTC),
        preset=game.preset,
        since=game.since,
    )
    asyncio.run(_play(game, member, spec, material, text_filter, typed_in, say))


async def _play(
    game: Game,
    member: CastMember,
    spec: ModelSpec,
    material: Material,
    text_filter: TextFilter,
    typed_in: Iterable[str],
    say: Callable[[str], None],
) -> None:
    speaker = Speaker(spec=spec, form=member.prompt_format, sampling=member.persona.sampling)
    name = member.persona.name
    author = Author(
        id=AuthorId(f"console:game/person/{folded_name(game.player)}"), name=game.player
    )
    async with speaking(speaker, text_filter) as voice, aclosing(typed(typed_in)) as lines:
        table = BlindGame(material, lambda _: Played(member=member, spec=spec, voice=voice))
        for number in count(1):
            shown = await table.round(name, author, "console")
            say(_round_text(shown))
            guess = await _guess(lines, say)
            if guess is None:
                return
            verdict = await table.answer(shown.id, guess, author, "console")
            score = of_player(verdict.score)
            say(f"{visible(verdict_words(verdict))} {score[:1].upper()}{score[1:]}.\n")
            if number == game.rounds:
                return


def _round_text(shown: Round) -> str:
    before = [f"{visible_name(name)}: {visible(text)}" for name, text in shown.context]
    head = f"{shown.persona} or, in half of the rounds, the clone:"
    return "\n".join(
        [*(before or ["(the talk begins)"]), head, f"  > {visible(shown.text)}", _ASKED]
    )


async def _guess(lines: AsyncIterator[str], say: Callable[[str], None]) -> Guess | None:
    """None: enough."""
    async for line in lines:
        word = line.strip().casefold()
        if not word:
            break
        if word in _ANSWERS:
            return _ANSWERS[word]
        say(_ASKED)
    return None

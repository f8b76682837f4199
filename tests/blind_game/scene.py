"""A project in which the blind game can be played: a chat of three, a clone, and its voice."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fakes import FakeGenerator

from botconvo.blind_game import BlindGame, Material, Played
from botconvo.conversation.manners import PRESETS
from botconvo.game.rounds import Round
from botconvo.granting import Terms, grant
from botconvo.messages import Author, AuthorId
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.cast import CastMember
from botconvo.personas import Persona, PersonaName
from botconvo.phrases import NoPhrases
from botconvo.safety.wordlist import WordListFilter
from botconvo.store import STORE_NAME, KnownPerson, Store
from botconvo.taking import take_exports
from botconvo.voices import CloneVoice
from model_server.checkpoint.folder import load_checkpoint

BORT = PersonaName("Bort")
NOW = datetime(2025, 6, 1, tzinfo=UTC)
BORDER = datetime(2025, 2, 1, tzinfo=UTC)
"""Nothing from then on was trained on."""
PLAYER = Author(id=AuthorId("web:general/person/pia"), name="Pia")
THINGS = "soup lamp kettle bridge pillow trumpet garden ladder pepper window basket feather".split()
REAL = tuple(f"my own {thing}" for thing in THINGS)
"""What Bort wrote later: three lines in each of four sessions."""
MADE = tuple(f"some {thing} of yours" for thing in THINGS)
"""What the clone says there."""
AGREED = Terms(adult=True, game=True)
MANNERS = replace(PRESETS["group-chat"], samples=1, max_tokens=(12, 12))


def write_chat(folder: Path) -> Path:
    """A WhatsApp chat of Al, Cy and Bort: some lines before the border, and REAL after it."""
    rows = [(datetime(2025, 1, 10, 12, i, tzinfo=UTC), "Bort", f"old line {i}") for i in range(3)]
    for number, text in enumerate(REAL):
        at = datetime(2025, 3, 1, tzinfo=UTC) + timedelta(days=number // 3, minutes=number % 3 * 9)
        rows += [
            (at, "Al", f"al {number}"),
            (at + timedelta(minutes=1), "Cy", f"cy {number}"),
            (at + timedelta(minutes=2), "Bort", text),
        ]
    path = folder / "WhatsApp Chat with us.txt"
    lines = [f"[{at:%d/%m/%Y, %H:%M:%S}] {name}: {text}" for at, name, text in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@dataclass
class Scene:
    """One project; ``generator`` is what the clone's voice asks."""

    folder: Path
    member: CastMember
    spec: ModelSpec
    generator: FakeGenerator = field(
        default_factory=lambda: FakeGenerator(*(f" {m}" for m in MADE))
    )
    words: WordListFilter = field(default_factory=WordListFilter)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.game = self.another_game()

    def another_game(self) -> BlindGame:
        """As after a restart."""
        material = Material(
            words=lambda: self.folder / STORE_NAME,
            scores=self.folder / STORE_NAME,
            manners=MANNERS,
            text_filter=lambda _: self.words,
            now=lambda: self.now,
            seed=1,
            since=BORDER,
        )
        voice = CloneVoice(self.member.prompt_format, self.generator, NoPhrases(), self.words)
        played = Played(member=self.member, spec=self.spec, voice=voice)
        return BlindGame(material, lambda name: played if name == BORT else None)

    def store(self) -> Store:
        return Store.open(self.folder / STORE_NAME)

    def agrees(self, name: str, terms: Terms = AGREED) -> KnownPerson:
        with self.store() as store:
            return grant(store, name, terms, self.now).person

    async def round(self, player: Author = PLAYER, platform: str = "web") -> Round:
        return await self.game.round(BORT, player, platform)

    async def plays(self, guess: str = "friend", player: Author = PLAYER) -> tuple[Round, bool]:
        """A whole round, and whether its line was real."""
        shown = await self.round(player)
        verdict = await self.game.answer(shown.id, guess, player, "web")  # type: ignore[arg-type]
        return shown, verdict.was_real


def a_scene(
    folder: Path, checkpoint: Path, agreed: Collection[str] = ("Bort", "Al", "Cy")
) -> Scene:
    """The chat imported, and what those agree to who do."""
    with Store.open(folder / STORE_NAME) as store:
        take_exports(store, [write_chat(folder)], NOW)
    loaded = load_checkpoint(checkpoint)
    form = loaded.manifest.prompt_format
    assert form is not None
    spec = ModelSpec(
        persona="Bort",
        checkpoint=loaded.folder,
        base=loaded.base_path,
        digest=loaded.digest,
        context=256,
        parallel=1,
        threads=1,
    )
    member = CastMember(persona=Persona(name=BORT), spec=spec, person=None, prompt_format=form)
    scene = Scene(folder, member, spec)
    for name in agreed:
        person = scene.agrees(name)
        if name == "Bort":
            scene.member = replace(member, person=person.id)
    scene.game = scene.another_game()
    return scene

"""The sample friends' words for the demo's blind game."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from fakes import FakeGenerator

from botconvo.blind_game.material import Played, deck_of, permitted
from botconvo.build import build_cast, build_material
from botconvo.config import load_settings
from botconvo.consent import may_be_shown
from botconvo.gathering import gather
from botconvo.messages import Author, AuthorId
from botconvo.model_process import ModelSpec
from botconvo.phrases import NoPhrases
from botconvo.safety.wordlist import WordListFilter
from botconvo.sample import SampleWords
from botconvo.store import Store
from botconvo.voices import CloneVoice

DEMO = Path(str(files("botconvo") / "demo"))


def test_every_sample_friend_is_there_with_words_that_may_be_shown(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    path = SampleWords(tmp_path / "sample.sqlite3")()
    with Store.open(path, create=False) as store:
        for name in ("Juno", "Marek", "Tilly", "Dex"):
            gathered = gather(store, name, now)
            record = store.live_record(gathered.person.id, now)
            assert record is not None
            assert record.fictional
            assert may_be_shown(record, platform="web")
            wrote = [m for m in gathered.messages if m.author.id in gathered.person.authors]
            assert len(wrote) > 500


def test_the_demos_clones_can_be_played_with(tmp_path: Path) -> None:
    settings = load_settings(DEMO / "config.toml")
    words, now = SampleWords(tmp_path / "sample.sqlite3"), datetime.now(UTC)
    with Store.open(tmp_path / "demo.sqlite3") as store:
        members = build_cast(settings, store)
    assert len(members) == 4
    material = build_material(settings, words, tmp_path / "demo.sqlite3", now=lambda: now)
    player = Author(id=AuthorId("web:1"), name="Ann")
    with Store.open(words(), create=False) as store:
        for member in members:
            assert isinstance(member.spec, ModelSpec)
            friend, agreed = permitted(store, member, player, "web", now)
            voice = CloneVoice(member.prompt_format, FakeGenerator(), NoPhrases(), WordListFilter())
            played = Played(member=member, spec=member.spec, voice=voice)
            deck = deck_of(store, played, friend, agreed, material)
            assert len(deck.places) > 40


def test_it_is_made_once_whoever_asks(tmp_path: Path) -> None:
    words = SampleWords(tmp_path / "sample.sqlite3")
    with ThreadPoolExecutor(2) as pool:
        paths = set(pool.map(lambda _: words(), range(4)))
    assert len(paths) == 1
    with Store.open(paths.pop(), create=False) as store:
        assert len(store.sources()) == 1
        grants = [entry for entry in store.ledger() if entry.kind == "granted"]
        assert len(grants) == len(store.people())

"""The sample friends' words for the demo's blind game."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from botconvo.consent import may_be_shown
from botconvo.gathering import gather
from botconvo.sample import SampleWords
from botconvo.store import Store


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


def test_it_is_made_once_whoever_asks(tmp_path: Path) -> None:
    words = SampleWords(tmp_path / "sample.sqlite3")
    with ThreadPoolExecutor(2) as pool:
        paths = set(pool.map(lambda _: words(), range(4)))
    assert len(paths) == 1
    with Store.open(paths.pop(), create=False) as store:
        assert len(store.sources()) == 1
        grants = [entry for entry in store.ledger() if entry.kind == "granted"]
        assert len(grants) == len(store.people())

"""From exports into the store: whom words are kept of, and the account of all others."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOON

from botconvo.errors import ImportFailed
from botconvo.granting import Terms, grant, withdraw
from botconvo.messages import AuthorId
from botconvo.store import Store
from botconvo.taking import Accounting, drop_without_consent, take_exports

EXPORTS = Path(__file__).parent / "data" / "exports"
GENERAL = next((EXPORTS / "discord-dce-2.47").glob("*general*.json"))
DIRECT = next((EXPORTS / "discord-dce-2.47").glob("Direct*.json"))
BORT_CSV = EXPORTS / "gpt-2-simple" / "bort.csv"
BORT = AuthorId("discord:101000000000000001")
ADULT = Terms(adult=True)
NOW = NOON + timedelta(hours=23)
"""Behind all messages of the samples."""


def take(store: Store, *paths: Path, **options: Any) -> Accounting:
    """Import files; the account of all of them together."""
    total = Accounting()
    for file in take_exports(store, paths, NOW, **options):
        total.add(file.accounting)
    return total


def adds_up(accounting: Accounting) -> bool:
    return accounting.read == accounting.taken + sum(accounting.left_out.values())


def test_without_consent_nothing_is_kept_but_everything_is_counted(store: Store) -> None:
    accounting = take(store, GENERAL)
    assert adds_up(accounting)
    assert (accounting.read, accounting.taken) == (22, 0)
    assert accounting.left_out["no consent"] == 13
    assert store.authors_with_messages() == set()
    assert {author.name for author in store.authors()} == {"Bort 🛹", "Fishvilla", "smig"}


def test_words_and_reactions_are_kept_of_those_who_agreed_and_of_nobody_else(store: Store) -> None:
    take(store, GENERAL)
    grant(store, "bort", ADULT, NOON)
    assert store.authors_with_messages() == {BORT}
    (lmao,) = [each for each in store.messages_of([BORT]) if "lmao" in each.text]
    assert lmao.reactions == ()
    grant(store, "smig", ADULT, NOON)
    (lmao,) = [each for each in store.messages_of([BORT]) if "lmao" in each.text]
    assert [each.author and each.author.name for each in lmao.reactions] == ["smig"]


def test_whoever_agreed_before_is_taken_at_once(store: Store) -> None:
    take(store, GENERAL)
    grant(store, "bort", ADULT, NOON)
    accounting = take(store, DIRECT)
    assert adds_up(accounting)
    assert accounting.taken == accounting.by_author[BORT] == 2


def test_the_same_export_again_is_all_already_taken(store: Store) -> None:
    take(store, GENERAL)
    grant(store, "bort", ADULT, NOON)
    accounting = take(store, GENERAL)
    assert adds_up(accounting)
    assert accounting.taken == 0
    assert accounting.left_out["already taken"] == 3


@pytest.mark.parametrize(
    "terms",
    [
        Terms(adult=True, channels=()),
        Terms(adult=True, since=NOON + timedelta(days=1)),
        Terms(adult=True, until=NOON - timedelta(days=1)),
    ],
)
def test_what_the_consent_does_not_cover_is_left_out(store: Store, terms: Terms) -> None:
    take(store, GENERAL)
    grant(store, "bort", terms, NOON)
    accounting = take(store, GENERAL)
    assert accounting.left_out["outside the consent"] == 3
    assert store.messages_of([BORT]) == ()


def test_whose_consent_has_ended_is_removed_with_the_next_import(store: Store) -> None:
    take(store, GENERAL)
    grant(store, "bort", Terms(adult=True, expires_at=NOON + timedelta(days=1)), NOON)
    assert drop_without_consent(store, NOON) == 0
    assert len(store.messages_of([BORT])) == 3
    take_exports(store, [DIRECT], NOON + timedelta(days=2))
    assert store.messages_of([BORT]) == ()


def test_after_a_withdrawal_nothing_is_taken_again(store: Store) -> None:
    take(store, GENERAL)
    grant(store, "bort", ADULT, NOON)
    withdraw(store, "bort", NOON)
    assert take(store, GENERAL).left_out["no consent"] == 13
    assert store.messages_of([BORT]) == ()


def test_a_torn_file_is_taken_as_far_as_it_goes_and_named(store: Store, tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_bytes(GENERAL.read_bytes()[:6000])
    accounting = take(store, torn)
    assert adds_up(accounting)
    (error,) = accounting.errors
    assert error["file"] == str(torn)
    assert error["what"] == "the file breaks off here"
    assert isinstance(error["line"], int)


def test_a_file_that_cannot_be_read_does_not_stop_the_rest(store: Store, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><p>", encoding="utf-8")
    first, second = take_exports(store, [page, GENERAL], NOON)
    assert first.failed is not None
    assert "is HTML, but no chat" in first.failed
    assert first.accounting.errors[0]["file"] == str(page)
    assert second.accounting.read == 22
    assert len(store.sources()) == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "is empty"),
        ('{"guild": {}, "channel": {"id": "5"}, "messages": []}', "no messages at all"),
        ("AuthorID,Author,Date,Content,Attachments,Reactions\n", "no messages at all"),
        (
            '{"guild": {}, "channel": {"id": "5"}, "messages": [{"id": "1',
            "1 the file breaks off here",
        ),
        ('{"guild": {}, "channel": {"id": "5"}, "messages": [1, 2]}', "2 malformed"),
    ],
)
def test_a_file_with_nothing_usable_is_refused_and_not_registered(
    store: Store, tmp_path: Path, content: str, what: str
) -> None:
    path = tmp_path / "export"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ImportFailed, match=what) as failed:
        take(store, path)
    assert "\n" not in str(failed.value)
    assert store.sources() == ()


def test_a_mistyped_name_is_told_before_anything_is_done(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImportFailed, match="there is no file"):
        take(store, GENERAL, tmp_path / "generall.json")
    with pytest.raises(ImportFailed, match="holds no files"):
        take(store, tmp_path / "empty")
    assert store.sources() == ()


def test_one_persons_lines_are_theirs_by_the_name_given(store: Store) -> None:
    assert take(store, BORT_CSV, author="Bort").left_out["no consent"] == 4
    done = grant(store, "Bort", ADULT, NOON)
    assert done.taken == 4
    assert store.origins_of(done.person.authors) == {"file"}


def test_progress_is_told_per_file(store: Store) -> None:
    told: dict[str, tuple[int, int]] = {}

    def tell(label: str, done: int, total: int) -> None:
        told[label] = (done, total)

    take(store, GENERAL, DIRECT, progress=tell)
    sizes = {str(path): path.stat().st_size for path in (GENERAL, DIRECT)}
    assert told == {label: (size, size) for label, size in sizes.items()}


def test_the_report_has_the_promised_form(store: Store, tmp_path: Path) -> None:
    take(store, GENERAL)
    grant(store, "bort", ADULT, NOON)
    copy = Path(shutil.copy(DIRECT, tmp_path / "copy.json"))
    report = json.loads(json.dumps(take(store, copy).as_json()))
    assert report == {
        "read": 6,
        "taken": 2,
        "left_out": {"no consent": 4},
        "by_author": {BORT: 2},
        "errors": [],
    }


def test_a_zip_and_the_folder_that_it_was_made_of_are_the_same_exports(
    store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "exports"
    (folder / "more").mkdir(parents=True)
    shutil.copy(GENERAL, folder)
    shutil.copy(DIRECT, folder / "more")
    (folder / "save.dat").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder))
    first = take(store, packed)
    grant(store, "bort", ADULT, NOON)
    held = len(store.messages_of([BORT]))
    assert held > 0, "the zip was read again after the consent"
    again = take(store, folder)
    assert adds_up(again)
    assert (again.read, again.taken) == (first.read, 0)
    assert again.left_out["already taken"] == held
    (trouble,) = again.errors
    assert "save.dat" in str(trouble["file"])
    members = {source.member for source in store.sources()}
    assert members == {GENERAL.name, f"more/{DIRECT.name}"}, "the same bytes are one source"


def test_an_export_that_names_no_channel_belongs_where_its_rows_are_known(
    store: Store, tmp_path: Path
) -> None:
    table = next((EXPORTS / "discord-dce-2.47").glob("*general*.csv"))
    take(store, table)
    grant(store, "bort", ADULT, NOON)
    (channel,) = {message.channel for message in store.messages_of([BORT])}
    header, *rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    cut = next(at for at, row in enumerate(rows) if at > 3 and row.startswith('"101'))
    later = tmp_path / "later.csv"
    more = '"101000000000000001","bort","2024-03-20T10:00:00.0000000+00:00","new words","",""\n'
    later.write_text(header + "".join(rows[cut:]) + more, encoding="utf-8")
    added = take(store, later)
    assert added.taken == 1
    assert {message.channel for message in store.messages_of([BORT])} == {channel}
    assert store.sources()[-1].channel == channel


OLD_CSV = EXPORTS / "discord-dce-2.41-2.42.2" / "dates-culture-de.csv"
UNIX_CSV = EXPORTS / "discord-dce-2.20-2.37" / "dates-unix.csv"
BORTS = ["ok so who's playing tonight", "@smig lmao", "yeah i'm down"]
SAME = [
    GENERAL,
    *(next(GENERAL.parent.glob(f"*general*.{kind}")) for kind in ("csv", "html", "txt")),
    OLD_CSV,
    UNIX_CSV,
]


@pytest.mark.parametrize("first", range(len(SAME)))
def test_every_dialect_of_one_channel_holds_each_message_once(store: Store, first: int) -> None:
    take(store, DIRECT)
    grant(store, "bort", ADULT, NOON)
    store.drop_messages([BORT])
    for place, path in enumerate((*SAME[first:], *SAME[:first])):
        assert take(store, path).taken == (0 if place else len(BORTS))
        held = store.messages_of([BORT])
        assert [each.text for each in held] == BORTS
    assert {each.at.microsecond for each in held} == {123000}, "the one that knows most is kept"
    assert held[2].reply_to is not None
    assert {each.channel for each in held} == {"discord:1218000000000000002"}


def test_words_said_twice_in_a_minute_stay_two(store: Store, tmp_path: Path) -> None:
    take(store, DIRECT)
    grant(store, "bort", ADULT, NOON)
    head = "AuthorID,Author,Date,Content,Attachments,Reactions\n"
    row = '"101000000000000001","bort","{}","lol","",""\n'
    name = "x [1218000000000000002]{}.csv"
    old, new = tmp_path / name.format(""), tmp_path / name.format(" new")
    old.write_text(head + 2 * row.format("18.03.2024 20:59"), encoding="utf-8")
    exact = [row.format(f"2024-03-18T20:59:{second}.0000000+00:00") for second in ("10", "20")]
    new.write_text(head + "".join(exact), encoding="utf-8")
    assert take(store, old).taken == 2
    assert take(store, new).taken == 0, "each takes the place of one that knew less"
    lol = [each.at.second for each in store.messages_of([BORT]) if each.text == "lol"]
    assert lol == [10, 20]
    assert take(store, old).taken == 0


def test_plain_text_is_of_whom_the_account_is(store: Store) -> None:
    text = SAME[3]
    take(store, DIRECT)
    take(store, text)
    by = {author.id: author.messages for author in store.authors()}
    assert by[BORT] == 2 + 3
    assert "discord-name:bort" not in by
    assert "discord-name:MusicBot#1234" in by, "nobody has told yet whose that is"


def test_a_name_of_two_accounts_is_nobodys(store: Store, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(DIRECT.read_text(encoding="utf-8").replace("101000000000000001", "77"))
    take(store, DIRECT, other)
    take(store, SAME[3])
    assert "discord-name:bort" in {author.id for author in store.authors()}


def test_empty_files_are_passed_over(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "nobody.csv").touch()
    header = folder / "header.csv"
    header.write_text("AuthorID;Author;Date;Content;Attachments;Reactions;\r\n", encoding="utf-8")
    shutil.copy(GENERAL, folder)
    files = take_exports(store, [folder], NOW)
    assert {file.name.partition("/")[2]: file.empty for file in files} == {
        "nobody.csv": True,
        "header.csv": True,
        GENERAL.name: False,
    }
    assert not any(file.accounting.errors for file in files)
    assert len(store.sources()) == 1


@pytest.mark.parametrize(
    "names",
    [("a.csv", "a [part 2].csv", "a [part 10].csv"), tuple(f"a [{n} of 3].csv" for n in (1, 2, 3))],
)
def test_parts_are_one_channel_in_the_order_of_their_numbers(
    store: Store, tmp_path: Path, names: tuple[str, ...]
) -> None:
    head = "AuthorID,Author,Date,Content,Attachments,Reactions\n"
    row = '"101000000000000001","bort","18.03.2024 20:59","{}","",""\n'
    for name in names:
        (tmp_path / name).write_text(head + row.format(name), encoding="utf-8")
    take(store, DIRECT)
    grant(store, "bort", ADULT, NOON)
    take(store, *sorted(tmp_path.iterdir(), reverse=True))
    held = [each for each in store.messages_of([BORT]) if each.text in names]
    assert [each.text for each in held] == list(names)
    assert len({each.channel for each in held}) == 1


def many_lines(folder: Path, count: int) -> Path:
    """A CSV of one column with so many rows, all different."""
    path = folder / "many.csv"
    rows = "\n".join(f"this is what I said for the {n}th time" for n in range(count))
    path.write_text(f"text\n{rows}\n", encoding="utf-8")
    return path


def test_an_interrupted_import_goes_on_behind_what_was_read(store: Store, tmp_path: Path) -> None:
    path = many_lines(tmp_path, 3500)
    take_exports(store, [BORT_CSV], NOON, author="Bort")
    grant(store, "Bort", ADULT, NOON)
    asked = iter((False, True))
    (half,) = take_exports(store, [path], NOON, author="Bort", stop=lambda: next(asked))
    assert (half.interrupted, half.accounting.read, half.accounting.taken) == (True, 2000, 2000)
    (asked_from,) = [source for source in store.sources() if source.path == path]
    assert store.rows_read(asked_from) == 2000
    (rest,) = take_exports(store, [path], NOON, author="Bort")
    assert adds_up(rest.accounting)
    assert (rest.accounting.read, rest.accounting.taken) == (3500, 1500)
    assert rest.accounting.left_out == {"taken before the interruption": 2000}
    assert not rest.interrupted
    assert store.rows_read(asked_from) == 0
    (bort,) = store.authors()
    assert bort.taken == bort.messages == 3500 + 4
    again = take(store, path, author="Bort")
    assert again.left_out == {"already taken": 3500}


def test_who_agreed_since_the_interruption_is_taken_from_the_beginning(
    store: Store, tmp_path: Path
) -> None:
    path = many_lines(tmp_path, 1500)
    (half,) = take_exports(store, [path], NOON, author="Bort", stop=lambda: True)
    assert (half.accounting.read, half.accounting.left_out) == (1000, {"no consent": 1000})
    grant(store, "Bort", ADULT, NOON)
    rest = take(store, path, author="Bort")
    assert rest.taken + rest.left_out["already taken"] == 1500
    assert store.authors()[0].taken == 1500


def test_a_file_without_zones_is_not_taken_again_by_another_clock(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "chat.md"
    path.write_text("[2023-01-02 10:20:30] Bo: hi\n[2023-07-02 10:20:30] Bo: hi\n", "utf-8")
    take(store, path, zone="Europe/London")
    with pytest.raises(ImportFailed, match=r"imported before with --time-zone Europe/London; with"):
        take(store, path, zone="UTC")
    assert take(store, path, zone="Europe/London").read == 2
    assert store.authors()[0].messages == 2


def test_a_file_whose_times_name_their_zone_may_be_taken_with_any(store: Store) -> None:
    take(store, GENERAL)
    assert take(store, GENERAL, zone="Asia/Tokyo").read == 22

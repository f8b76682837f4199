"""What goes out: the words of those who agreed, what training needs, and nothing else."""

import json
import re
import shlex
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from cli.typing_in import typed
from hypothesis import given
from hypothesis import strategies as st
from packing.packs import AWAY, a_project, agree, pack, the_record

from botconvo.consent import ConsentRecord, PersonId, RecordId, live_record
from botconvo.corpus import Session
from botconvo.errors import PackError
from botconvo.granting import grant_command
from botconvo.packing.pack import print_sessions, read_pack, read_sessions
from botconvo.store import STORE_NAME, Store
from botconvo.training.bases import open_base
from botconvo.training.settings import TrainingSettings
from botconvo.transcript.grammar import Command, Line

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WORDS = st.text(min_size=1).map(str.strip).filter(bool)
LINES = st.builds(
    Line,
    name=st.from_regex(r"[A-Za-zé🛹]([A-Za-z 🛹]*[A-Za-z🛹])?", fullmatch=True),
    argument=WORDS,
    command=st.sampled_from([None, Command.REACT, Command.REPLY, Command.PHOTO]),
)


def unpack(archive: Path, folder: Path) -> Path:
    with ZipFile(archive) as file:
        file.extractall(folder)
    return folder


@given(st.lists(st.lists(LINES, min_size=1, max_size=4), max_size=4))
def test_sessions_are_read_as_they_were_printed(talks: list[list[Line]]) -> None:
    sessions = [Session(lines=tuple(lines), started=NOW) for lines in talks]
    read = read_sessions(print_sessions(sessions))
    assert [session.lines for session in read] == [session.lines for session in sessions]


def test_a_pack_holds_what_training_needs_and_nothing_else(tmp_path: Path, base: Path) -> None:
    project = a_project(tmp_path / "p")
    done = pack(project, "--rank", "3", base=base)
    assert (done.code, done.err) == (0, "")
    record = the_record(project)
    archive, notebook = (project / "packs" / f"{record.pack.name}.{e}" for e in ("zip", "ipynb"))
    assert str(archive) in done.out
    assert str(notebook) in done.out
    assert "56 lines of Bort to train on and 8 held out, with lines of Fishvilla" in done.out
    assert f"botconvo adopt {record.pack.name}-trained.zip" in done.out
    with ZipFile(archive) as file:
        names = set(file.namelist())
        assert file.read(notebook.name) == notebook.read_bytes()
        everything = b"".join(file.read(name) for name in names if not name.endswith(".gguf"))
    (wheel,) = (name for name in names if name.endswith(".whl"))
    assert names == {
        "pack.json",
        "corpus/train.txt",
        "corpus/held-out.txt",
        notebook.name,
        wheel,
        "base/manifest.json",
        "base/tiny-weights.gguf",
    }
    # No author's id, no channel, no time of a message, no path of the project.
    for secret in (b"discord:", b"2024-03", b"2025-", str(tmp_path).encode(), b"sqlite"):
        assert secret not in everything
    folder = unpack(archive, tmp_path / "away")
    packed, material = read_pack(folder)
    assert packed.settings == TrainingSettings(method="lora", rank=3)
    assert packed.base.sha256 is not None
    assert material.corpus.own_train == 56
    assert (folder / "corpus/train.txt").read_text("utf-8").startswith("Fishvilla: INIT;\n")
    if sys.platform != "win32":
        assert {stat.S_IMODE(p.stat().st_mode) for p in (archive, notebook)} == {0o600}


def test_packing_needs_no_torch(tmp_path: Path, base: Path) -> None:
    project = a_project(tmp_path / "p")
    script = (
        "import sys; from botconvo.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as done: assert not done.code, done.code\n"
        "loaded = {'torch', 'peft', 'transformers', 'tokenizers'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    words = ["train", "Bort", "--pack", "--project", str(project), "--base", str(base)]
    subprocess.run([sys.executable, "-c", script, *words], check=True, timeout=120)


def test_a_base_that_is_no_gpt2_takes_along_what_training_needs_of_it(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tiny_hugging_face import make_folder

    project = a_project(tmp_path / "p")
    done = pack(project, base=make_folder(tmp_path / "model", "smollm"))
    assert done.code == 0, done.err
    folder = unpack(Path(the_record(project).archive), tmp_path / "away")
    there = open_base(folder / "base", bases=tmp_path / "bases")
    assert there.checkpoint.manifest.weights.sha256 == read_pack(folder)[0].base.sha256
    assert there.config is not None


def test_a_base_of_the_hub_is_named_and_not_fetched(tmp_path: Path) -> None:
    project = a_project(tmp_path / "p")
    done = pack(project, base="somebody/Some-GPT@v1")
    assert (done.code, done.err) == (0, "")
    record = the_record(project)
    assert (record.pack.base.hub, record.pack.base.sha256) == ("somebody/Some-GPT@v1", None)
    with ZipFile(record.archive) as file:
        assert not [name for name in file.namelist() if name.startswith("base")]


def test_who_agreed_to_this_computer_alone_is_not_packed(tmp_path: Path, base: Path) -> None:
    project = a_project(tmp_path / "p", bort=("local",))
    done = pack(project, base=base)
    assert (done.code, done.out) == (2, "")
    assert not (project / "packs").exists()
    assert not (project / "training").exists()
    # The command that it names is the one that mends it.
    words = shlex.split(done.err.strip().partition("ask, then: botconvo ")[2])
    assert words[-4:] == ["--processor", "local", "--processor", "hosted-notebook"]
    assert typed(*words, "--project", project).code == 0
    agree(project, "Bort", AWAY)
    assert pack(project, base=base).code == 0


def test_words_of_others_stay_here_unless_they_agreed_too(tmp_path: Path, base: Path) -> None:
    project = a_project(tmp_path / "p", fishvilla=("local",))
    done = pack(project, base=base)
    assert "Words of Fishvilla stay here: they did not agree to 'hosted-notebook'." in done.out
    with ZipFile(the_record(project).archive) as file:
        assert b"Fishvilla" not in file.read("corpus/train.txt")
        assert b"Bort" in file.read("corpus/train.txt")
    assert list(the_record(project).people) == [the_record(project).pack.consent.person]


def test_another_processor_is_asked_for_by_its_name(tmp_path: Path, base: Path) -> None:
    project = a_project(tmp_path / "p", bort=("local", "colab"))
    assert "'hosted-notebook'" in pack(project, base=base).err
    assert pack(project, "--processor", "colab", base=base).code == 0
    assert the_record(project).pack.processor == "colab"
    assert "name it with --processor HOST" in pack(project, "--processor", "local", base=base).err


def test_a_consent_is_extended_and_not_widened() -> None:
    record = ConsentRecord(
        id=RecordId("r-1"),
        person=PersonId("p-aaaaaaaaaa"),
        granted_at=NOW,
        adult=True,
        since=datetime(2024, 1, 1, tzinfo=UTC),
        until=datetime(2025, 1, 1, tzinfo=UTC),
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
        platforms=("web", "console"),
        statement="yes, do",
    )
    assert grant_command("Bort", record, processor="colab") == (
        'botconvo consent grant "Bort" --adult --processor local --processor colab '
        "--platform web --platform console --since 2024-01-01 --until 2024-12-31 "
        "--expires 2027-01-01"
    )
    assert grant_command("Bort", None, processor="local") == 'botconvo consent grant "Bort" --adult'


def test_the_command_that_extends_a_consent_keeps_its_terms(tmp_path: Path) -> None:
    project = a_project(tmp_path / "p")
    terms = ["--fictional", "--since", "2023-05-01", "--until", "2024-06-30", "--channel", "7"]
    assert typed("consent", "grant", "Bort", *terms, "--project", project).code == 0

    def live() -> ConsentRecord:
        with Store.open(project / STORE_NAME) as store:
            (person,) = (p for p in store.people() if p.name == "Bort")
            record = live_record(store.ledger(person.id), person.id, datetime.now(UTC))
        assert record is not None
        return record

    before = live()
    command = grant_command("Bort", before, processor="colab")
    assert typed(*shlex.split(command)[1:], "--project", project).code == 0
    after = live()
    assert after.processors == ("local", "colab")
    for field in ("adult", "fictional", "since", "until", "channels", "platforms", "expires_at"):
        assert getattr(after, field) == getattr(before, field)


def test_too_few_lines_are_found_out_before_anything_is_written(tmp_path: Path, base: Path) -> None:
    project = a_project(tmp_path / "p")
    typed("consent", "grant", "Bort", "--adult", "--until", "2024-03-20", "--project", project)
    agree_until = ["--processor", "local", "--processor", "hosted-notebook"]
    typed(
        "consent", "grant", "Bort", "--adult", "--until", "2024-03-20", *agree_until,
        "--project", project,
    )  # fmt: skip
    done = pack(project, base=base)
    assert done.code == 2
    assert "import more of what Bort wrote" in done.err
    assert not (project / "packs").exists()


@pytest.mark.parametrize("base", ["./nowhere", "a/b/c"])
def test_a_base_that_is_neither_here_nor_on_the_hub_is_one_line(tmp_path: Path, base: str) -> None:
    done = pack(a_project(tmp_path / "p"), base=base)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert f"base {base}: there is no such folder" in done.err


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, base: Path) -> None:
    project = a_project(tmp_path / "p")
    (tmp_path / "file").write_text("in the way")
    done = pack(project, "--output", tmp_path / "file", base=base)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "cannot be written" in done.err


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / "pack.json").unlink(), "is no unpacked pack"),
        (lambda folder: (folder / "pack.json").write_text("{"), "pack.json: the file: "),
        (lambda folder: (folder / "corpus/train.txt").unlink(), "cannot be read"),
        (lambda folder: (folder / "corpus/train.txt").write_text("Bort: hi\n"), "is not the one"),
        (lambda folder: (folder / "corpus/held-out.txt").write_text("hi"), "is no line of a"),
        (lambda folder: (folder / "corpus/held-out.txt").write_bytes(b"\xff"), "cannot be read"),
    ],
)
def test_a_pack_that_was_spoilt_is_one_line(
    tmp_path: Path, base: Path, spoil: object, why: str
) -> None:
    project = a_project(tmp_path / "p")
    pack(project, base=base)
    folder = unpack(Path(the_record(project).archive), tmp_path / "away")
    assert callable(spoil)
    spoil(folder)
    with pytest.raises(PackError, match=re.escape(why)) as caught:
        read_pack(folder)
    assert "\n" not in str(caught.value)


def test_an_archive_has_to_be_unpacked_first(tmp_path: Path, base: Path) -> None:
    project = a_project(tmp_path / "p")
    pack(project, base=base)
    done = typed("train-packed", the_record(project).archive)
    assert (done.code, done.out) == (2, "")
    assert "unpack it and give the folder" in done.err


def test_a_withdrawal_names_the_packs_that_are_out(tmp_path: Path, base: Path) -> None:
    project = a_project(tmp_path / "p")
    pack(project, base=base)
    done = typed("consent", "withdraw", "Fishvilla", "--project", project)
    assert the_record(project).archive in done.out
    assert "packed for 'hosted-notebook'" in done.out


def test_the_notebook_is_one(tmp_path: Path, base: Path) -> None:
    """What the schema of nbformat 4.5 asks for, and cells that need no IPython."""
    project = a_project(tmp_path / "p")
    pack(project, base=base)
    (path,) = (project / "packs").glob("*.ipynb")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"] == {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code"] * 4
    for cell in cells:
        assert re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", cell["id"])
        assert all(isinstance(row, str) for row in cell["source"])
        assert not any(row.startswith(("!", "%")) for row in cell["source"])
        assert "{" not in "".join(cell["source"]) or cell["cell_type"] == "code"
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            compile("".join(cell["source"]), cell["id"], "exec")

"""``botconvo consent`` as it is typed."""

import sqlite3
from pathlib import Path

import pytest
from caches import inside
from cli.typing_in import Done, typed
from tiny_gguf import write_plain_gpt2
from tiny_model import make_tiny_checkpoint

from botconvo.policies import DISCORD
from botconvo.store import STORE_NAME, Store
from model_server.checkpoint.opening import open_checkpoint
from model_server.checkpoint.tokens import sha256_of

GENERAL = next(
    (Path(__file__).parent.parent / "data" / "exports" / "discord-dce-2.47").glob("*general*.json")
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one imported export."""
    typed("import", GENERAL, "--project", tmp_path)
    return tmp_path


def consent(project: Path, *words: str) -> Done:
    return typed("consent", *words, "--project", project)


def test_a_grant_takes_the_rows_and_says_what_comes_next(project: Path) -> None:
    done = consent(project, "grant", "bort", "--adult")
    assert done.code == 0
    assert "3 of their messages were taken" in done.out
    assert 'botconvo train "Bort 🛹"' in done.out
    assert "--acknowledge-discord-policy" in done.out


def test_the_acknowledgement_is_recorded_and_not_asked_for_again(project: Path) -> None:
    consent(project, "grant", "bort", "--adult", "--acknowledge-discord-policy")
    done = consent(project, "grant", "smig", "--adult")
    assert "rule 21" not in done.out
    with Store.open(project / STORE_NAME) as store:
        assert store.acknowledged(DISCORD.name) is not None


def test_an_invented_character_needs_no_acknowledgement(project: Path) -> None:
    assert "rule 21" not in consent(project, "grant", "bort", "--fictional").out


def test_everything_that_was_agreed_is_shown(project: Path) -> None:
    consent(
        project,
        *("grant", "bort", "--adult", "--as", "Bo", "--statement", "go ahead"),
        *("--since", "2024-01-01", "--until", "2024-03-18", "--expires", "2999-01-01"),
        *("--platform", "web", "--platform", "console", "--channel", "1218000000000000002"),
        *("--processor", "local", "--processor", "api.example.org"),
    )
    shown = consent(project, "show", "bo").out
    for words in (
        "Bo (p-",
        "live",
        "expires 2999-01-01",
        "since 2024-01-01 before 2024-03-19",
        "web, console",
        "discord:1218000000000000002",
        "local, api.example.org",
        "go ahead",
        "an adult",
    ):
        assert words in shown
    with Store.open(project / STORE_NAME) as store:
        assert sum(author.taken for author in store.authors()) == 3


def test_show_lists_everybody_or_says_that_there_is_nobody(project: Path) -> None:
    assert "Nobody has a consent record yet" in consent(project, "show").out
    consent(project, "grant", "bort", "--adult")
    consent(project, "grant", "smig", "--fictional")
    shown = consent(project, "show").out
    assert "Bort 🛹 (p-" in shown
    assert "an invented character" in shown


def test_a_withdrawal_is_shown_and_its_rows_are_gone(project: Path) -> None:
    consent(project, "grant", "bort", "--adult")
    done = consent(project, "withdraw", "bort")
    assert done.code == 0
    assert "3 messages were removed" in done.out
    assert "withdrawn" in consent(project, "show", "bort").out
    assert "2 entries" in consent(project, "verify-ledger").out


def test_an_edited_ledger_is_one_line_and_exit_code_2(project: Path) -> None:
    consent(project, "grant", "bort", "--adult")
    assert consent(project, "verify-ledger").code == 0
    raw = sqlite3.connect(project / STORE_NAME)
    with raw:
        raw.execute("UPDATE records SET salt = 'other'")
    raw.close()
    done = consent(project, "verify-ledger")
    assert done.code == 2
    assert "entry 1 has a record that was edited" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["grant", "bort"], "--adult"),
        (["grant", "nobody", "--adult"], "nobody called 'nobody' was seen"),
        (["grant", "bort", "--adult", "--expires", "2001-01-01"], "expired on 2001-01-01"),
        (["grant", "bort", "--adult", "--author-id", "discord:9"], "'discord:9'"),
        (["withdraw", "bort"], "has a consent record"),
        (["show", "bort"], "has a consent record"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    project: Path, words: list[str], what: str
) -> None:
    done = consent(project, *words)
    assert done.code == 2
    assert what in done.err
    assert done.err.count("\n") == 1


def test_three_commands_are_enough_to_have_something_to_train_on(tmp_path: Path) -> None:
    assert typed("import", GENERAL, "--project", tmp_path).code == 0
    assert typed("consent", "grant", "bort", "--adult", "--project", tmp_path).code == 0
    with Store.open(tmp_path / STORE_NAME) as store:
        assert len(store.messages_of([author.id for author in store.authors()])) == 3


def test_an_old_clone_is_bound_in_a_folder_that_was_no_project_yet(tmp_path: Path) -> None:
    path = write_plain_gpt2(tmp_path / "old.gguf")
    done = consent(tmp_path, "grant", "Bort", "--adult", "--checkpoint", str(path))
    assert (done.code, done.err) == (0, "")
    assert f"{path} is theirs" in done.out
    assert f'[[personas]]\nname = "Bort"\ncheckpoint = "{path.as_posix()}"' in done.out
    again = consent(tmp_path, "grant", "Bort", "--checkpoint", str(path))
    assert again.code == 0, "what was agreed stays agreed"
    assert f"checkpoints  {sha256_of(path)[:16]}\n" in consent(tmp_path, "show", "Bort").out


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["Bort", "--checkpoint", "old.gguf"], "--adult"),
        (["Bort", "--adult", "--checkpoint", "nowhere"], "nowhere: there is no such folder"),
        (["Bort", "--adult", "--checkpoint", "ours/bort"], "ours/bort: says itself whose clone"),
    ],
)
def test_what_cannot_be_bound_is_one_line_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], what: str
) -> None:
    write_plain_gpt2(tmp_path / "old.gguf")
    make_tiny_checkpoint(tmp_path / "ours")
    monkeypatch.chdir(tmp_path)
    done = typed("consent", "grant", *words)
    assert done.code == 2
    assert what in done.err.replace("\\", "/")
    assert done.err.count("\n") == 1
    assert "Bort" not in typed("consent", "show").out


def test_a_withdrawal_deletes_what_was_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "cache of the user"
    monkeypatch.setenv("BOTCONVO_CACHE", str(own))
    path = write_plain_gpt2(tmp_path / "old.gguf")
    open_checkpoint(path, cache=own)  # as serve-model does without a project
    consent(tmp_path, "grant", "Bort", "--adult", "--checkpoint", str(path))
    for kept in (path, write_plain_gpt2(tmp_path / "other.gguf", seed=1)):
        open_checkpoint(kept, cache=tmp_path / "converted")
    done = consent(tmp_path, "withdraw", "Bort")
    assert "2 checkpoints that were converted from theirs were deleted" in done.out
    (left,) = inside(tmp_path / "converted")
    assert left.startswith("other-")
    assert inside(own) == []
    assert path.exists(), "the owner's own file is the owner's to delete"

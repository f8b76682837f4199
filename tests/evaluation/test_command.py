"""``botconvo evaluate`` with a bundled clone of a sample friend: consent first, real servers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from click import UsageError

from botconvo.cli.consent import command as consent
from botconvo.cli.evaluate import command as evaluate_command
from botconvo.cli.import_ import command as import_
from botconvo.errors import BotConvoError, ConfigError, ConsentError, CorpusError, OutputError
from botconvo.evaluating import Wish, evaluate_project, write_report
from botconvo.evaluation.progress import Quiet
from botconvo.granting import withdraw
from botconvo.store import STORE_NAME, Store

DEMO = Path(str(files("botconvo") / "demo"))
SINCE = datetime(2026, 6, 26, tzinfo=UTC)
"""The first day that none of the bundled clones was trained on."""
QUICK = "[conversation]\nsamples = 2\nmax_tokens = [12, 12]\ncontext_lines = 4\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample server, of which two friends agreed, and the clone of one of them."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "config.toml").write_text(QUICK, encoding="utf-8")
    words = ["--project", str(folder)]
    import_.main([str(DEMO / "sample-server.json"), *words], standalone_mode=False)
    for name in ("Tilly", "Marek"):
        consent.main(["grant", name, "--fictional", *words], standalone_mode=False)
    shutil.copytree(DEMO / "checkpoints" / "tilly", folder / "checkpoints" / "tilly")
    return folder


def a_wish(project: Path, **more: object) -> Wish:
    values: dict[str, object] = {"project": project, "since": SINCE, "samples": 32, "trials": 12}
    return Wish(**(values | more))  # type: ignore[arg-type]


def refusal(wish: Wish) -> BotConvoError:
    with pytest.raises(BotConvoError) as refused:
        evaluate_project(wish, Quiet(), lambda line: None)
    assert "\n" not in str(refused.value)
    return refused.value


def test_a_clone_is_evaluated_and_the_files_are_whole(project: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    report = evaluate_project(a_wish(project), Quiet(), heard.append)
    assert any("120 of Tilly" in line for line in heard)
    (tilly,) = report.clones
    assert (tilly.name, tilly.drawn, tilly.later_messages) == ("Tilly", 32, 120)
    assert report.friends == ("Marek", "Tilly")
    shares = tilly.attribution[-1].shares
    real, others = shares["real"], shares["others"]
    assert real is not None
    assert others is not None
    assert real.value > 0.9 > 0.1 > others.value
    assert tilly.two_sample["clone"] is not None
    assert tilly.ranking["clone"] is not None
    assert report.perplexity is not None
    row = report.perplexity.cells[report.perplexity.rows.index("Tilly")]
    base, own = row
    assert base is not None
    assert own is not None
    assert own.value < 0.6 * base.value
    leaks = tilly.leaks
    assert leaks.gated
    assert (leaks.slipped, leaks.said, leaks.learned) == (0, {}, {})
    assert leaks.candidates >= 2 * 32
    assert leaks.membership is not None
    assert leaks.membership.auc.value > 0.5
    write_report(report, project, tmp_path / "r.html", tmp_path / "r.json")
    assert "How alike" in (tmp_path / "r.html").read_text(encoding="utf-8")
    data = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert data["clones"][0]["name"] == "Tilly"
    # The clone's words and its base's, and what torch made of words by each.
    assert len(list((project / "evaluation").iterdir())) == 4


def test_a_clone_that_is_not_there_is_told_with_those_that_are(project: Path) -> None:
    error = refusal(a_wish(project, names=("Juno",)))
    assert isinstance(error, ConfigError)
    assert "no clone of Juno here: there are Tilly" in str(error)


def test_too_little_later_text_is_told_with_how_much_is_needed(
    project: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("evaluation"))
    path = copy / "checkpoints" / "tilly" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    del manifest["training"]["trained_until"]  # an older clone, which does not tell
    path.write_text(json.dumps(manifest), encoding="utf-8")
    late = datetime(2026, 7, 5, tzinfo=UTC)
    error = refusal(a_wish(copy, since=late))
    assert isinstance(error, CorpusError)
    assert "40 are needed" in str(error)


def test_a_report_that_could_not_be_written_is_refused_before_anything_is_measured(
    project: Path, tmp_path: Path
) -> None:
    words = ["--project", str(project), "--since", "2026-06-26"]
    nowhere = tmp_path / "no" / "r.html"
    for where, why in ((nowhere, "there is no folder"), (tmp_path, "is a directory")):
        with pytest.raises((OutputError, UsageError), match=why):
            evaluate_command.main([*words, "--html", str(where)], standalone_mode=False)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_ends_with_one_line_and_keeps_what_was_drawn(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("evaluation"))
    words = ["--project", str(copy), "--since", "2026-06-26", "--samples", "200"]
    process = subprocess.Popen(
        [sys.executable, "-m", "botconvo", "evaluate", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stderr is not None
    drawn = copy / "evaluation"
    for row in process.stderr:
        if "clone's messages" in row:
            break
    deadline = time.monotonic() + 120
    while not any(path.stat().st_size for path in drawn.glob("*.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    last_words = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 130
    assert "the same command goes on" in last_words.splitlines()[-1]
    assert "Traceback" not in last_words


def test_whoever_has_withdrawn_is_not_measured(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    with Store.open(copy / STORE_NAME, create=False) as store:
        withdraw(store, "Tilly", datetime.now(UTC))
    assert isinstance(refusal(a_wish(copy)), ConsentError)

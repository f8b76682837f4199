"""``botconvo train`` as it is typed: consent first, plain words, and Ctrl-C that loses nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON, an_author
from fake_hub import fake_hub
from tiny_hugging_face import make_folder
from training.toy import toy_messages

from botconvo.cli.train import command
from botconvo.errors import ConsentError, CorpusError, StoreError, TrainingError
from botconvo.granting import Terms, grant, withdraw
from botconvo.store import STORE_NAME, Source, Store
from botconvo.training.stopping import stop_on_signals
from model_server.checkpoint.folder import load_checkpoint

NOW = NOON + timedelta(days=400)
QUICK = ["--epochs", "1", "--rank", "2"]


def a_project(folder: Path, *, sessions: int = 16, origin: str = "file") -> Path:
    """A project in which Bort and Fishvilla wrote, and both agreed."""
    folder.mkdir(parents=True, exist_ok=True)
    source = Source(path=folder / "gone.json", sha256="0", format="discord-json", origin=origin)
    with Store.open(folder / STORE_NAME) as store:
        with store.add_export(source, NOW) as adding:
            for message in toy_messages(sessions):
                adding.saw(message)
                adding.take(message)
        for name in ("Bort", "Fishvilla"):
            grant(store, name, Terms(adult=True), NOW, author_ids=[an_author(name).id])
    return folder


def train(project: Path, base: Path, *words: str, name: str = "Bort") -> None:
    command.main(
        [name, "--project", str(project), "--base", str(base), *QUICK, *words],
        standalone_mode=False,
    )


def test_a_friend_who_agreed_is_cloned_and_configured(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = a_project(tmp_path / "p")
    config = '# mine\n[conversation]\ntime_zone = "Asia/Tokyo" # where we live\n'
    (project / "config.toml").write_text(config, encoding="utf-8")
    train(project, tiny_base)
    said = capsys.readouterr()
    checkpoint = load_checkpoint(project / "checkpoints" / "bort")
    assert checkpoint.manifest.persona == "Bort"
    assert "Bort: 56 own lines to train on and 8 held out, in 16 sessions" in said.out
    assert "with lines of Fishvilla learned first and as context" in said.out
    assert "Training takes" in said.err
    assert "held-out loss" in said.out.splitlines()[1]
    learned = checkpoint.manifest.manners
    assert learned is not None
    assert (learned.exact, learned.messages, learned.reactions) == (False, 56, 0.0)
    assert learned.hours is not None
    assert learned.hours.zone == "Asia/Tokyo"
    assert learned.hours.shares[21] == 1.0, "noon in UTC"
    assert "Bort's manners: answers half of the time within about 90 s" in said.out
    text = (project / "config.toml").read_text(encoding="utf-8")
    assert text.startswith(config)
    assert tomllib.loads(text)["personas"] == [{"name": "Bort", "checkpoint": "checkpoints/bort"}]


def test_whole_weights_are_a_clone_without_a_base(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = a_project(tmp_path / "p")
    words = ["--method", "full", "--save-as", "f16", "--learning-rate", "3e-3", "--epochs", "1"]
    command.main(
        ["Bort", "--project", str(project), "--base", str(tiny_base), *words],
        standalone_mode=False,
    )
    checkpoint = load_checkpoint(project / "checkpoints" / "bort")
    assert (checkpoint.manifest.weights.kind, checkpoint.adapter_path) == ("full", None)
    assert checkpoint.manifest.training["save_as"] == "f16"
    assert checkpoint.manifest.training["method"] == "full"
    assert [path.name for path in sorted(checkpoint.folder.iterdir())] == [
        "manifest.json",
        "model.gguf",
    ]
    assert "held-out loss" in capsys.readouterr().out


def test_a_small_llama_of_the_hub_is_fetched_converted_and_trained_on(tmp_path: Path) -> None:
    """As ``--base HuggingFaceTB/SmolLM2-135M``; what cannot be used is one line and code 2."""
    source = make_folder(tmp_path / "source", "smollm")
    files = {path.name: path.read_bytes() for path in source.iterdir()}
    config = json.loads(files["config.json"])
    opt = files | {"config.json": json.dumps(config | {"model_type": "opt"}).encode()}
    models = {"small/Llama": files, "small/opt": opt}
    project = a_project(tmp_path / "p")
    with fake_hub(models) as hub:

        def asked(model: str) -> tuple[int, str]:
            words = ["train", "Bort", "--project", str(project), "--base", model, *QUICK]
            done = subprocess.run(
                [sys.executable, "-m", "botconvo", *words],
                capture_output=True,
                encoding="utf-8",
                check=False,
                env=os.environ
                | {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
                | {"NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1"},
            )
            return done.returncode, done.stderr

        code, err = asked("small/Llama")
        assert code == 0, err
        code, err = asked("small/opt")
        assert code == 2
        assert "is a opt; models that can be served" in err.splitlines()[-1]
        assert "Traceback" not in err
    checkpoint = load_checkpoint(project / "checkpoints" / "bort")
    assert checkpoint.manifest.architecture.name == "llama"
    assert checkpoint.base_path.parent.parent == project / "checkpoints" / "bort" / "../../bases"


def test_without_a_config_the_table_is_printed(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = a_project(tmp_path / "p")
    train(project, tiny_base, "--output", str(tmp_path / "elsewhere"))
    assert '[[personas]]\nname = "Bort"\ncheckpoint = "../elsewhere"\n' in capsys.readouterr().out
    assert load_checkpoint(tmp_path / "elsewhere").manifest.persona == "Bort"
    assert not (project / "config.toml").exists()


def test_without_a_live_consent_nothing_is_trained(tmp_path: Path, tiny_base: Path) -> None:
    project = a_project(tmp_path / "p")
    with Store.open(project / STORE_NAME) as store:
        withdraw(store, "Bort", NOW)
    with pytest.raises(ConsentError, match='botconvo consent grant "Bort"'):
        train(project, tiny_base)
    assert not (project / "checkpoints").exists()


def test_words_of_somebody_who_withdrew_are_no_context(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = a_project(tmp_path / "p")
    with Store.open(project / STORE_NAME) as store:
        withdraw(store, "Fishvilla", NOW)
    train(project, tiny_base)
    assert "Fishvilla" not in capsys.readouterr().out


def test_words_from_discords_api_need_the_owners_acknowledgement(
    tmp_path: Path, tiny_base: Path
) -> None:
    project = a_project(tmp_path / "p", origin="discord-api")
    with pytest.raises(ConsentError, match="--acknowledge-discord-policy"):
        train(project, tiny_base)
    train(project, tiny_base, "--acknowledge-discord-policy")
    assert (project / "checkpoints" / "bort").is_dir()


def test_too_few_lines_are_one_line(tmp_path: Path, tiny_base: Path) -> None:
    project = a_project(tmp_path / "p", sessions=3)
    with pytest.raises(CorpusError, match="import more of what Bort wrote"):
        train(project, tiny_base)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--rank", "0"], "rank 0: must be from 1"),
        (["--block-size", "3"], "block size 3: must be from 32"),
        (["--accumulate", "0"], "accumulate 0: must be from 1"),
        (["--steps", "5"], "--steps is for --engine gpt-2-simple, and this is transformers"),
        (["--save-as", "f16"], "--save-as is for --method full, and this is lora"),
        (["--method", "full"], "--rank is for --method lora, and this is full"),
        (["--device", "mps"], "device mps: this torch finds no GPU of Apple's"),
        (["--base", "./nowhere"], "base ./nowhere: there is no such folder"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, tiny_base: Path, words: list[str], why: str
) -> None:
    project = a_project(tmp_path / "p")
    with pytest.raises(TrainingError, match=why) as caught:
        train(project, tiny_base, *words)
    assert "\n" not in str(caught.value)


def test_a_project_without_a_store_is_one_line(tmp_path: Path, tiny_base: Path) -> None:
    with pytest.raises(StoreError, match="botconvo import"):
        train(tmp_path, tiny_base)


def test_a_config_that_is_torn_does_not_lose_the_clone(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = a_project(tmp_path / "p")
    (project / "config.toml").write_text("torn = [", encoding="utf-8")
    train(project, tiny_base)
    said = capsys.readouterr()
    assert "config.toml" in said.err
    assert "[[personas]]" in said.out
    assert (project / "config.toml").read_text(encoding="utf-8") == "torn = ["


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_stops_and_the_same_command_goes_on(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = a_project(tmp_path / "p")
    words = ["Bort", "--project", str(project), "--base", str(tiny_base), "--learning-rate", "1e-4"]
    words += ["--epochs", "20"]
    process = subprocess.Popen(
        [sys.executable, "-m", "botconvo", "train", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    for row in process.stderr:
        if row.startswith("epoch 0.5"):
            process.send_signal(signal.SIGINT)
            break
    last_words = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 130
    assert "the same command goes on from there" in last_words.splitlines()[-1]
    assert not (project / "checkpoints").exists()

    command.main(words, standalone_mode=False)
    assert "going on from step" in capsys.readouterr().err
    assert load_checkpoint(project / "checkpoints" / "bort").manifest.persona == "Bort"
    assert not (project / "training" / "bort").exists()


def test_a_signal_is_a_wish_once_and_then_itself_again() -> None:
    # Whoever runs the tests in the background may have had Ctrl-C ignored.
    outside = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with stop_on_signals() as stopped:
            assert not stopped()
            signal.raise_signal(signal.SIGINT)
            assert stopped()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, outside)


def test_a_termination_is_a_wish_too() -> None:
    with stop_on_signals() as stopped:
        signal.raise_signal(signal.SIGTERM)
        assert stopped()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_outside_the_main_thread_nobody_asks() -> None:
    answers: list[bool] = []

    def look() -> None:
        with stop_on_signals() as stopped:
            answers.append(stopped())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert answers == [False]

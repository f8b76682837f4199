"""A clone by gpt-2-simple itself: on the person's earlier lines alone, and served as it says."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fake_hub import fake_hub
from tiny_gpt2_simple import TENSORFLOW_IS_THERE, greedy
from tiny_model import make_tiny_checkpoint, tiny_architecture, tiny_tokens
from training.test_command import NOW, a_project

from botconvo.errors import ConsentError, TrainingError
from botconvo.gathering import gather
from botconvo.granting import withdraw
from botconvo.store import STORE_NAME, Store
from botconvo.training.gpt2_simple.child import run_child
from botconvo.training.gpt2_simple.clone import Prepared, prepare
from botconvo.training.gpt2_simple.model import Model, find_model
from botconvo.training.gpt2_simple.progress import Watch
from botconvo.training.gpt2_simple.settings import SimpleSettings
from botconvo.training.gpt2_simple.side import _Listener
from model_server.checkpoint.folder import load_checkpoint
from model_server.checkpoint.gpt2_simple import find_run, write_names
from model_server.engine import Draw, EngineSettings, LlamaEngine, Piece
from model_server.errors import CheckpointError
from model_server.prompt_format import PromptFormat

pytestmark = pytest.mark.skipif(
    not TENSORFLOW_IS_THERE and not os.environ.get("CI"),
    reason="pip install 'botconvo[test]' brings TensorFlow and gpt-2-simple",
)
TOKENS = tiny_tokens()
LONG = tiny_architecture(TOKENS, context=1024)
SHORT = ["--steps", "3", "--sample-every", "0", "--learning-rate", "1e-2", "--device", "cpu"]
BLOCKED = """
import sys
for name in sys.argv.pop(1).split(","):
    sys.modules[name] = None
from botconvo.cli import main
main(sys.argv[1:])
"""


def botconvo(*words: object, without: str = "", **environment: str) -> tuple[int, str, str]:
    """The command in a process of its own: exit code, stdout, stderr."""
    start = ["-c", BLOCKED, without] if without else ["-m", "botconvo"]
    done = subprocess.run(
        [sys.executable, *start, *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        timeout=540,
        check=False,
        env=os.environ | environment,
    )
    return done.returncode, done.stdout, done.stderr


def said(checkpoint: Path, prompt: str, count: int) -> str:
    opened = load_checkpoint(checkpoint)
    engine = LlamaEngine(
        opened.base_path,
        opened.adapter_path,
        EngineSettings(context=128, parallel=1, threads=1),
        end_of_text=opened.end_of_text,
        reading=opened.reading,
    )
    pieces: list[Piece] = []

    def take(piece: Piece) -> bool:
        pieces.append(piece)
        return True

    try:
        engine.generate(Draw(prompt=prompt, max_tokens=count, temperature=0), take)
    finally:
        engine.close()
    return "".join(piece.text for piece in pieces)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 as the hub has it, with the window that gpt-2-simple wants."""
    pytest.importorskip("torch")
    from training.test_bases import hugging_face_folder

    return hugging_face_folder(tmp_path_factory.mktemp("hub") / "gpt2", architecture=LONG)


@pytest.fixture(scope="module")
def trained(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A project in which Bort was cloned on the hub's gpt2, and what the command said.

    Nothing of torch was needed.
    """
    project = a_project(tmp_path_factory.mktemp("simple") / "p", sessions=40)
    (project / "config.toml").write_text('preset = "classic"\n', encoding="utf-8")
    files = {path.name: path.read_bytes() for path in source.iterdir()}
    words = ("train", "Bort", "--project", project, "--engine", "gpt-2-simple", *SHORT)
    with fake_hub({"gpt2": files}) as hub:
        code, out, err = botconvo(
            *words,
            without="torch,transformers,peft,tokenizers",
            HF_ENDPOINT=hub.address,
            HF_HOME=str(project.parent / "home"),
            NO_PROXY="127.0.0.1",
        )
    assert code == 0, err
    return project, out, err


@pytest.fixture(scope="module")
def model(trained: tuple[Path, str, str]) -> Path:
    """What was written of it in gpt-2-simple's own form."""
    (written,) = (trained[0] / "bases" / "gpt-2-simple").iterdir()
    return written


def test_a_friend_is_cloned_and_configured(trained: tuple[Path, str, str]) -> None:
    project, out, err = trained
    assert "Bort: 144 own lines to train on, 16 held out" in out
    assert "124M is taken from the hub, as gpt2" in err
    assert "gpt2: is written in gpt-2-simple's form, once" in err
    assert "gpt-2-simple trains for 3 steps of 5120 tokens" in err
    assert "step 3 of 3: loss" in err
    assert "Bort: 3 steps, mean loss" in out
    assert 'checkpoint = "checkpoints/bort"' in (project / "config.toml").read_text("utf-8")
    assert not (project / "training").exists() or not list((project / "training").rglob("*.index"))


def test_the_checkpoint_says_whose_it_is_and_how_it_came_about(
    trained: tuple[Path, str, str],
) -> None:
    manifest = load_checkpoint(trained[0] / "checkpoints" / "bort").manifest
    assert (manifest.persona, manifest.weights.kind) == ("Bort", "full")
    assert manifest.prompt_format == PromptFormat(
        kind="plain", speaker="Bort", start="<|startoftext|>"
    )
    assert manifest.consent is not None
    assert manifest.training["engine"] == "gpt-2-simple"
    assert manifest.training["steps"] == 3
    assert {"tensorflow", "gpt-2-simple"} <= manifest.versions.keys()


def test_the_run_is_kept_and_the_server_says_what_gpt2_simple_says(
    trained: tuple[Path, str, str], model: Path
) -> None:
    """Greedy, at q8_0, up to where two tokens are almost alike; more is proven elsewhere."""
    folder = trained[0] / "checkpoints" / "bort"
    assert find_run(folder).state == "model-3"
    (there,) = greedy(folder, ["<|startoftext|>"], 6)
    ours = said(folder, "<|startoftext|>", 6)
    for place, logits in enumerate(there["logits"]):
        if not ours.startswith("".join(there["pieces"][: place + 1])):
            second, first = sorted(logits)[-2:]
            assert first - second < 0.3, (place, ours, there["pieces"])
            break
    (before,) = greedy(model, ["<|startoftext|>"], 1)
    learned, base = there["logits"][0], before["logits"][0]
    assert max(abs(one - other) for one, other in zip(learned, base, strict=True)) > 1.0


def prepared(project: Path, model: Path) -> Prepared:
    with Store.open(project / STORE_NAME) as store:
        gathered = gather(store, "Bort", NOW)
    return prepare(gathered, Model(folder=model, name="m", digest="0"), SimpleSettings())


def test_held_out_lines_are_not_trained_on_nor_anybody_elses(tmp_path: Path) -> None:
    project = a_project(tmp_path / "p")
    run = prepared(project, tmp_path)
    rows = [row[0] for row in csv.reader(io.StringIO(run.rows))][1:]
    assert len(rows) == run.corpus.own_train == 56
    later = {line.argument for s in run.corpus.held_out for line in s.lines if line.says}
    earlier = [
        line.argument
        for session in run.corpus.train
        for line in session.lines
        if line.says and line.name == "Bort"
    ]
    assert rows == earlier
    assert later
    assert run.corpus.own_held_out == 8


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_saves_and_the_same_command_goes_on(model: Path, tmp_path: Path) -> None:
    project = a_project(tmp_path / "p", sessions=40)
    words = ["train", "Bort", "--project", str(project), "--engine", "gpt-2-simple"]
    words += ["--base", str(model), "--sample-every", "0", "--device", "cpu", "--steps"]
    process = subprocess.Popen(
        [sys.executable, "-m", "botconvo", *words, "100000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stderr is not None
    for row in process.stderr:
        if row.startswith("step 1 of"):
            process.send_signal(signal.SIGINT)
            break
    last_words = process.stderr.read().splitlines()
    process.stderr.close()
    assert process.wait(timeout=120) == 130
    assert "gpt-2-simple ends its step and saves" in "".join(last_words)
    assert last_words[-1].startswith("Stopped at step ")
    done = int(last_words[-1].removeprefix("Stopped at step ").partition(",")[0])
    assert done >= 1
    assert not (project / "checkpoints").exists()

    code, _, err = botconvo(*words, str(done + 1))
    assert code == 0, err
    assert f"going on from step {done}" in err
    assert f"step {done + 1} of {done + 1}: " in err
    assert find_run(project / "checkpoints" / "bort").state == f"model-{done + 1}"


def test_what_is_written_in_its_form_is_what_the_hub_has(
    source: Path, model: Path, trained: tuple[Path, str, str]
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    (answer,) = greedy(model, ["hello"], 8)
    torch_model: Any = AutoModelForCausalLM.from_pretrained(source)
    ids = torch.tensor([answer["prompt"] + answer["said"]])
    with torch.no_grad():
        logits = torch_model(ids).logits[0]
    expected = logits[len(answer["prompt"]) - 1 : -1]
    assert torch.allclose(torch.tensor(answer["logits"]), expected, atol=1e-4)
    again = find_model(str(source), trained[0], say=lambda line: None)
    assert again.digest == find_model(str(model), trained[0], say=print).digest
    assert again.folder == model  # written once


# What cannot be used


def refusal(text: str | None, project: Path) -> str:
    with pytest.raises((TrainingError, CheckpointError)) as caught:
        find_model(text, project, say=lambda line: None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_tensorflow_it_is_one_line(tmp_path: Path) -> None:
    project = a_project(tmp_path / "p")
    words = ("train", "Bort", "--project", project, "--engine", "gpt-2-simple")
    for name in ("tensorflow", "gpt_2_simple", "huggingface_hub"):
        code, _, err = botconvo(*words, without=name)
        assert code == 2
        assert err == (
            f"botconvo: the engine gpt-2-simple needs {name}, which is not installed; "
            "pip install 'botconvo[tensorflow]'\n"
        )


def test_without_a_live_consent_nothing_is_trained(tmp_path: Path) -> None:
    project = a_project(tmp_path / "p")
    with Store.open(project / STORE_NAME) as store:
        withdraw(store, "Bort", NOW)
        with pytest.raises(ConsentError):
            gather(store, "Bort", NOW)
    code, _, err = botconvo("train", "Bort", "--project", project, "--engine", "gpt-2-simple")
    assert (code, err.count("\n")) == (2, 1)
    assert 'botconvo consent grant "Bort"' in err


def test_too_little_for_its_window_is_one_line(model: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("text\nhello\n", encoding="utf-8")
    facts = {"rows": str(rows), "model": str(model), "run": "checkpoint/run1", "device": "cpu"}
    with pytest.raises(TrainingError, match="gpt-2-simple learns 1024 at a time"):
        run_child("finetune", facts | {"seed": 0}, folder=tmp_path)


def test_what_the_folder_lacks_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "124M"
    folder.mkdir(parents=True)
    write_names(folder, LONG, TOKENS)
    assert "lacks checkpoint" in refusal("124M", tmp_path)
    assert "lacks checkpoint" in refusal(None, tmp_path)


def test_a_window_that_is_too_short_is_one_line(tmp_path: Path) -> None:
    write_names(tmp_path, tiny_architecture(TOKENS), TOKENS)
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model-1"\n', encoding="utf-8")
    for ending in ("index", "data-00000-of-00001"):
        (tmp_path / f"model-1.{ending}").write_bytes(b"torn")
    assert "looks back on 256 tokens" in refusal(str(tmp_path), tmp_path)


def test_anything_else_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert "is no checkpoint" in refusal(str(tmp_path / "photos"), tmp_path)
    assert "there is no such folder" in refusal("./nowhere", tmp_path)
    clone = make_tiny_checkpoint(tmp_path / "clones")
    assert "is a clone of Bort" in refusal(str(clone), tmp_path)


def test_a_llama_is_no_base_for_it(tmp_path: Path) -> None:
    if not find_spec("torch"):
        pytest.skip("needs the extra train")
    from tiny_hugging_face import make_folder

    folder = make_folder(tmp_path / "m", "smollm")
    assert "is no GPT-2 as gpt-2-simple computes it (llama" in refusal(str(folder), tmp_path)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--steps", "0"], "steps 0: must be from 1"),
        (["--epochs", "3"], "--epochs is for --engine transformers, and this is gpt-2-simple"),
        (["--device", "mps"], "device mps: gpt-2-simple knows none"),
    ],
)
def test_numbers_that_make_no_sense_are_one_line(
    tmp_path: Path, words: list[str], why: str
) -> None:
    from botconvo.cli.train import command

    with pytest.raises(TrainingError, match=why):
        command.main(
            ["Bort", "--project", str(tmp_path), "--engine", "gpt-2-simple", *words],
            standalone_mode=False,
        )


# What it prints


def test_what_it_prints_is_heard_row_by_row() -> None:
    heard: list[dict[str, object]] = []
    listener = _Listener(lambda **values: heard.append(values))
    text = (
        "Loading checkpoint models/124M/model.ckpt\nTraining...\n[99 | 12.50] loss=3.10 avg=3.20\n"
        "======== SAMPLE 1 ========\nhello\n[brackets] too\n\n[100 | 13.00] loss=nan avg=nan\n"
        "Saving checkpoint/run1/model-100\n"
    )
    for start in range(0, len(text), 7):
        listener.write(text[start : start + 7])
    assert [json.dumps(each) for each in heard] == [
        '{"step": 99, "loss": 3.1, "average": 3.2}',
        '{"sample": "hello"}',
        '{"sample": "[brackets] too"}',
        '{"sample": ""}',
        '{"step": 100, "loss": NaN, "average": NaN}',
    ]


def test_a_watcher_is_told_every_twentieth_part(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch(sys.stdout, total=100, done=40, tokens=5120)
    watch.opened(51200)
    for step in range(41, 101):
        watch.stepped(step, 3.0, 3.5)
    rows = capsys.readouterr().out.splitlines()
    assert "going on from step 40: 6.0 passes over 51200 tokens" in rows[0]
    assert [row.split(":")[0] for row in rows[1:]] == [
        f"step {step} of 100" for step in (41, *range(45, 101, 5))
    ]

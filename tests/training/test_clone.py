"""From gathered messages to a checkpoint that the engine speaks with."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from builders import an_author
from training.full_disk import full_disk
from training.test_trainer import Watcher, never
from training.toy import QUICK, toy_messages

from botconvo.consent import ConsentRecord, PersonId, RecordId
from botconvo.corpus import select
from botconvo.errors import CorpusError, TrainingError
from botconvo.evaluation.scoring import with_adapter
from botconvo.gathering import Gathered
from botconvo.people import People
from botconvo.store import KnownPerson
from botconvo.training.bases import Base, build_tokenizer, open_base
from botconvo.training.clone import Prepared, prepare, train_clone
from botconvo.training.network import make_gpt2
from botconvo.training.trainer import Trained
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.gguf_files import plan_gpt2, read_gpt2
from model_server.engine import Draw, EngineSettings, LlamaEngine, Piece
from model_server.errors import CheckpointError
from model_server.prompt_format import PromptFormat

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PERSON = PersonId("p-aaaaaaaaaa")
LONGER = replace(QUICK, epochs=5.0)


def gathered(sessions: int = 16) -> Gathered:
    author = an_author("Bort").id
    return Gathered(
        person=KnownPerson(id=PERSON, name="Bort", authors=frozenset({author})),
        record=ConsentRecord(
            id=RecordId("r-1"), person=PERSON, granted_at=NOW, adult=True, sources=(author,)
        ),
        people=People(),
        ids={"Bort": PERSON},
        selected=select(toy_messages(sessions), str.strip),
        origins=frozenset({"file"}),
    )


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Base:
    return open_base(tiny_base, bases=tiny_base.parent)


def make(prepared: Prepared, folder: Path, state: Path) -> Trained:
    return train_clone(
        prepared,
        folder,
        state=state,
        device="cpu",
        reporter=Watcher(),
        stopped=never,
        now=NOW,
    )


@pytest.fixture(scope="module")
def prepared(base: Base) -> Prepared:
    return prepare(gathered(), base, LONGER)


@pytest.fixture(scope="module")
def clone(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Trained, Checkpoint]:
    folder = tmp_path_factory.mktemp("project") / "checkpoints" / "bort"
    trained = make(prepared, folder, folder.parent.parent / "training" / "bort" / "state")
    return trained, load_checkpoint(folder)


class Speaker:
    """The engine, asked for one greedy completion with its scores."""

    def __init__(self, base: Path, adapter: Path | None, end_of_text: int) -> None:
        settings = EngineSettings(context=128, parallel=1, threads=1)
        self._engine = LlamaEngine(base, adapter, settings, end_of_text=end_of_text)

    def say(self, prompt: str) -> tuple[str, list[float]]:
        pieces: list[Piece] = []

        def take(piece: Piece) -> bool:
            pieces.append(piece)
            return True

        draw = Draw(prompt=prompt, max_tokens=12, temperature=0.0, seed=1, logprobs=1, stop=("\n",))
        self._engine.generate(draw, take)
        scores = [score.logprob for piece in pieces for score in piece.scores]
        return "".join(piece.text for piece in pieces), scores

    def close(self) -> None:
        self._engine.close()


@pytest.fixture
def speaker(clone: tuple[Trained, Checkpoint]) -> Iterator[Speaker]:
    checkpoint = clone[1]
    made = Speaker(checkpoint.base_path, checkpoint.adapter_path, checkpoint.end_of_text)
    yield made
    made.close()


def test_a_clone_fits_its_friend_better_than_the_base(clone: tuple[Trained, Checkpoint]) -> None:
    assert clone[0].best_loss < 0.5 * clone[0].base_loss


def test_a_clone_speaks_otherwise_than_its_base(
    clone: tuple[Trained, Checkpoint], speaker: Speaker
) -> None:
    base = Speaker(clone[1].base_path, None, clone[1].end_of_text)
    prompt = "Fishvilla: INIT;\nFishvilla: hello there\nBort:"
    assert speaker.say(prompt)[0].startswith(" ")
    assert speaker.say(prompt)[0] != base.say(prompt)[0]
    base.close()


def test_the_engine_scores_as_torch_does(
    clone: tuple[Trained, Checkpoint], speaker: Speaker
) -> None:
    """Scale, orientation and names of every matrix: what is served is what was trained."""
    weights, architecture, tokens = read_gpt2(clone[1].base_path)
    assert clone[1].adapter_path is not None
    plan, adapter = plan_gpt2(architecture), clone[1].adapter_path
    gpt2 = make_gpt2(dict(with_adapter(weights.items(), plan, adapter)), architecture).eval()
    tokenizer = build_tokenizer(tokens)
    prompt = "Fishvilla: INIT;\nFishvilla: the cat is here\nBort:"
    text, scores = speaker.say(prompt)
    ids = tokenizer.encode(prompt + text).ids
    said = len(tokenizer.encode(text).ids)
    with torch.no_grad():
        logits = gpt2(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    expected = logits.gather(1, torch.tensor(ids[1:])[:, None])[-said:, 0]
    assert said >= 3
    # The base is served with 8-bit activations: small differences are expected.
    assert scores[:said] == pytest.approx(expected.tolist(), abs=0.15)


def test_the_manifest_tells_how_the_clone_came_about(
    clone: tuple[Trained, Checkpoint], prepared: Prepared
) -> None:
    trained, checkpoint = clone
    manifest = checkpoint.manifest
    assert manifest.persona == "Bort"
    assert manifest.prompt_format == PromptFormat(
        kind="transcript", speaker="Bort", cleaning="chat", init_after_s=1800.0
    )
    assert manifest.consent is not None
    assert (manifest.consent.person, manifest.consent.record) == (PERSON, "r-1")
    assert not manifest.consent.fictional
    assert manifest.corpus_sha256 == prepared.corpus.digest()
    assert manifest.base is not None
    assert manifest.base.sha256 == prepared.base.checkpoint.manifest.weights.sha256
    assert manifest.training["seed"] == 0
    assert manifest.training["rank"] == LONGER.rank
    assert manifest.training["held_out_loss"] == pytest.approx(trained.best_loss, abs=1e-4)
    assert manifest.training["held_out_loss_of_base"] == pytest.approx(trained.base_loss, abs=1e-4)
    assert manifest.training["held_out_perplexity"] == pytest.approx(
        math.exp(trained.best_loss), abs=0.01
    )
    assert {"torch", "peft", "botconvo"} <= manifest.versions.keys()


def test_nothing_of_the_run_is_left_behind(clone: tuple[Trained, Checkpoint]) -> None:
    project = clone[1].folder.parent.parent
    assert [path.name for path in (project / "checkpoints").iterdir()] == ["bort"]
    assert not list((project / "training").rglob("state*"))


def test_a_full_disk_leaves_the_older_clone_as_it_was(base: Base, tmp_path: Path) -> None:
    folder, state = tmp_path / "checkpoints" / "bort", tmp_path / "training" / "bort" / "state"
    make(prepare(gathered(), base, QUICK), folder, state)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    wider = replace(QUICK, rank=16)  # its adapter is larger than its state may become here
    again = prepare(gathered(), base, wider)
    with full_disk(20_000), pytest.raises((TrainingError, CheckpointError)) as caught:
        make(again, folder, state)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["bort"]


def test_a_disk_that_is_full_at_the_very_end_costs_no_training(base: Base, tmp_path: Path) -> None:
    folder, state = tmp_path / "checkpoints" / "bort", tmp_path / "training" / "bort" / "state"
    run = prepare(gathered(), base, QUICK)
    folder.parent.mkdir()
    folder.with_name("bort.partial").write_bytes(b"in the way")
    with pytest.raises(CheckpointError):
        make(run, folder, state)
    folder.with_name("bort.partial").unlink()
    watcher = Watcher()
    train_clone(run, folder, state=state, device="cpu", reporter=watcher, stopped=never, now=NOW)
    assert watcher.begun[0].done == watcher.begun[0].total
    assert load_checkpoint(folder).manifest.persona == "Bort"


def test_too_few_lines_are_one_line(base: Base) -> None:
    with pytest.raises(CorpusError, match="import more of what Bort wrote"):
        prepare(gathered(sessions=4), base, QUICK)


@pytest.mark.parametrize("inside", ["base", "something else"])
def test_a_folder_with_something_else_is_not_written_over(
    base: Base, tiny_base: Path, tmp_path: Path, inside: str
) -> None:
    folder = tiny_base
    if inside == "something else":
        folder = tmp_path / "photos"
        folder.mkdir()
        (folder / "cat.png").write_bytes(b"cat")
    before = sorted(folder.iterdir())
    with pytest.raises(TrainingError, match="--output DIR"):
        make(prepare(gathered(), base, QUICK), folder, tmp_path / "state")
    assert sorted(folder.iterdir()) == before


def test_a_block_wider_than_the_base_is_cut_to_it(base: Base) -> None:
    run = prepare(gathered(), base, replace(QUICK, block=4000))
    assert run.settings.block == base.checkpoint.manifest.architecture.context
    assert max(sum(len(w.tokens) for w in row) for row in run.examples.train) <= run.settings.block

"""Projects that pack, and results that came back without anybody training them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from builders import NOON, an_author
from cli.typing_in import Done, typed
from tiny_model import tiny_deltas
from training.toy import toy_messages

from botconvo.granting import Terms, grant
from botconvo.packing.records import PackRecord
from botconvo.packing.result import write_result
from botconvo.store import STORE_NAME, Source, Store
from model_server.checkpoint.folder import describe_weights, load_checkpoint, write_checkpoint
from model_server.checkpoint.gguf_adapter import write_lora
from model_server.checkpoint.gguf_files import plan_gpt2
from model_server.checkpoint.manifest import BaseReference, Manifest

__all__ = ["AWAY", "a_checkpoint", "a_project", "a_result", "agree", "pack", "the_record"]

NOW = NOON + timedelta(days=400)
AWAY = ("local", "hosted-notebook")


def a_project(
    folder: Path, *, bort: tuple[str, ...] = AWAY, fishvilla: tuple[str, ...] = AWAY
) -> Path:
    """A project in which Bort and Fishvilla wrote, and agreed to these processors."""
    folder.mkdir(parents=True, exist_ok=True)
    source = Source(path=folder / "gone.json", sha256="0", format="discord-json", origin="file")
    with Store.open(folder / STORE_NAME) as store, store.add_export(source, NOW) as adding:
        for message in toy_messages():
            adding.saw(message)
            adding.take(message)
    agree(folder, "Bort", bort)
    agree(folder, "Fishvilla", fishvilla)
    return folder


def agree(project: Path, name: str, processors: tuple[str, ...]) -> None:
    terms = Terms(adult=True, processors=processors)
    with Store.open(project / STORE_NAME) as store:
        messages = [m for m in toy_messages() if m.author.name == name]
        grant(store, name, terms, NOW, author_ids=[an_author(name).id])
        source = Source(
            path=project / "again.json", sha256=name, format="discord-json", origin="file"
        )
        # The export is gone, so what a new consent would take from it is put in here.
        with store.add_export(source, NOW) as adding:
            for message in messages:
                adding.take(message)


def pack(project: Path, *words: object, base: Path | str | None = None) -> Done:
    """``botconvo train Bort --pack``."""
    more = [] if base is None else ["--base", base]
    return typed("train", "Bort", "--pack", "--project", project, *more, *words)


def the_record(project: Path) -> PackRecord:
    """Of the only pack of a project."""
    (path,) = (project / "training" / "packs").iterdir()
    return PackRecord.model_validate_json(path.read_bytes())


def a_checkpoint(
    folder: Path, record: PackRecord, base: Path, *, seed: int = 0, **changes: object
) -> Path:
    """What training elsewhere would have written: ``changes`` replace fields of its manifest."""
    whole, packed = load_checkpoint(base), record.pack
    folder.mkdir(parents=True)
    adapter = folder / "adapter.gguf"
    architecture = whole.manifest.architecture
    deltas, plan = tiny_deltas(architecture, seed=seed), plan_gpt2(architecture)
    write_lora(adapter, deltas, alpha=8.0, plan=plan)
    manifest = Manifest(
        persona=packed.speaker,
        created=datetime.now(UTC),
        weights=describe_weights(adapter, "adapter"),
        base=BaseReference(
            name="x", sha256=whole.manifest.weights.sha256, path="/etc/no/such/place"
        ),
        architecture=architecture,
        tokenizer_sha256=whole.manifest.tokenizer_sha256,
        prompt_format=packed.prompt_format,
        consent=packed.consent,
        corpus_sha256=packed.corpus_sha256,
    ).model_copy(update=changes)
    write_checkpoint(folder / "whole", manifest, adapter)
    return folder / "whole"


def a_result(
    path: Path, record: PackRecord, base: Path, *, seed: int = 0, **changes: object
) -> Path:
    """The archive of ``a_checkpoint``."""
    checkpoint = a_checkpoint(path.parent / f"{path.stem}-made", record, base, seed=seed, **changes)
    write_result(path, record.pack.id, checkpoint)
    return path

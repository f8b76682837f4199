"""Make the demo's four clones, by the commands that a user types.

    python scripts/make_demo.py
    python scripts/make_demo.py --only Juno --epochs 3 --project build/try
    python scripts/make_demo.py --manners

The sample server is imported into a project of its own, the four invented friends get a fictional
consent, each is trained on the bundled base, and the checkpoints are copied into the package.  A
clone that is there already is not trained again, a training that was stopped goes on.  The index of
the leak gate is made beside.  With ``--manners`` nothing is trained: the manifests in the package
get what is learned today of the friends' manners.  They get no hours: the friends write in the
evening, and a demo is tried at any time of the day.  Another
sample server, base or way to train gets another project, so that nothing stale is ever copied.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from botconvo.checkpoints import bundled_base
from botconvo.corpus import told_manners
from botconvo.gathering import gather
from botconvo.leak_gate import INDEX_NAME, write_sample_index
from botconvo.store import STORE_NAME, Store
from botconvo.training.material import material_of
from botconvo.training.names import safe_name
from botconvo.training.settings import TrainingSettings
from botconvo.writing import write_whole
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.manifest import MANIFEST_NAME
from model_server.errors import CheckpointError

FRIENDS = ("Juno", "Marek", "Tilly", "Dex")
DEMO = Path(__file__).parents[1] / "src" / "botconvo" / "demo"
SAMPLE = DEMO / "sample-server.json"


def default_project(sample: Path, base: Path, more: Sequence[str]) -> Path:
    """A folder for this sample server, this base, and what else is said to training."""
    digest = hashlib.sha256(sample.read_bytes())
    digest.update("\0".join((repr(TrainingSettings()), *more)).encode())
    digest.update((base / "manifest.json").read_bytes())
    return Path(tempfile.gettempdir()) / f"botconvo-demo-{digest.hexdigest()[:12]}"


def botconvo(*words: str) -> None:
    """Run a command as a user would; its words go to our terminal."""
    print(f"$ botconvo {' '.join(words)}", flush=True)
    code = subprocess.run([sys.executable, "-m", "botconvo", *words]).returncode
    if code:
        sys.exit(code)


def agree(project: Path, friends: Sequence[str]) -> None:
    """Import the sample server and record the consents, once."""
    store = project / STORE_NAME
    known: set[str] = set()
    if store.exists():
        with Store.open(store) as opened:
            known = {person.name for person in opened.people()}
    else:
        project.mkdir(parents=True, exist_ok=True)
        botconvo("import", str(SAMPLE), "--project", str(project))
    for name in friends:
        if name not in known:
            botconvo("consent", "grant", name, "--fictional", "--project", str(project))


def made(folder: Path, base: Path) -> Checkpoint | None:
    """The checkpoint in a folder, if it is whole and stands on this base."""
    try:
        return load_checkpoint(folder, base=base)
    except CheckpointError:
        return None


def copy(checkpoint: Checkpoint, target: Path) -> None:
    """Put manifest and weights into the package; the folder appears whole."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(checkpoint.folder, partial)
    if target.exists():
        shutil.rmtree(target)
    partial.replace(target)


def write_index(project: Path, path: Path) -> None:
    """Digests of what the friends wrote, so that no clone says it word for word."""
    with Store.open(project / STORE_NAME, create=False) as store:
        write_sample_index(path, store.all_words())


def give_manners(project: Path, name: str, folder: Path, base: Path) -> None:
    """Write what is learned of a friend's manners into the manifest in ``folder``."""
    with Store.open(project / STORE_NAME, create=False) as store:
        learned = material_of(gather(store, name, datetime.now(UTC))).manners
    assert learned is not None, "the sample server has times"
    checkpoint = load_checkpoint(folder, base=base)
    manifest = checkpoint.manifest.model_copy(update={"manners": replace(learned, hours=None)})
    write_whole(folder / MANIFEST_NAME, manifest.model_dump_json(indent=2) + "\n", force=True)
    print(f"{name}: {told_manners(manifest.manners)}")


def table(checkpoints: Sequence[Checkpoint]) -> str:
    """What came out, as a Markdown table."""
    rows = ["| friend | base | clone | perplexity | epochs | kB |", "|---|--:|--:|--:|--:|--:|"]
    for checkpoint in checkpoints:
        training = checkpoint.manifest.training
        rows.append(
            f"| {checkpoint.manifest.persona} | {training['held_out_loss_of_base']:.3f} "
            f"| {training['held_out_loss']:.3f} | {training['held_out_perplexity']:.1f} "
            f"| {training['best_epoch']:.1f} | {checkpoint.manifest.weights.bytes / 1000:.0f} |"
        )
    return "\n".join(rows)


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], epilog="Other options go to 'botconvo train'."
    )
    parser.add_argument("--only", action="append", choices=FRIENDS, help="may be repeated")
    parser.add_argument("--manners", action="store_true", help="train nothing, see above")
    parser.add_argument("--project", type=Path, help="where the work is kept")
    parser.add_argument(
        "--output", type=Path, default=DEMO / "checkpoints", help="where the checkpoints go"
    )
    return parser.parse_known_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options, more = parse(arguments)
    base, friends = bundled_base(), options.only or FRIENDS
    project = options.project or default_project(SAMPLE, base, more)
    agree(project, FRIENDS)  # all four: each is the others' context
    if options.manners:
        for name in friends:
            give_manners(project, name, options.output / safe_name(name), base)
        return 0
    write_index(project, DEMO / INDEX_NAME)
    checkpoints = []
    for name in friends:
        folder = project / "checkpoints" / safe_name(name)
        if made(folder, base) is None:
            shutil.rmtree(folder, ignore_errors=True)
            botconvo("train", name, "--project", str(project), "--no-config", *more)
        checkpoint = load_checkpoint(folder, base=base)
        options.output.mkdir(parents=True, exist_ok=True)
        copy(checkpoint, options.output / safe_name(name))
        give_manners(project, name, options.output / safe_name(name), base)
        checkpoints.append(checkpoint)
    print(f"\nHeld-out loss in nats a token, work in {project}:\n\n{table(checkpoints)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

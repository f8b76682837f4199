"""The notebook, cell by cell, on a computer that has never heard of BotConvo.

The cells are plain Python, so a fresh interpreter executes them one after the other in one
namespace, which is what a kernel does; a kernel itself (ipykernel, nbclient) would bring forty
distributions and test Jupyter.  The interpreter is that of a new virtual environment, into which
the second cell installs BotConvo from the wheel in the archive.  The libraries that it needs are
found in the environment of the tests, and pip is forbidden to look elsewhere.
"""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pytest
from cli.typing_in import typed
from fake_hub import fake_hub
from packing.packs import a_project, pack, the_record
from tiny_hugging_face import make_folder

from model_server.checkpoint.folder import load_checkpoint

KERNEL = """
import json, sys
names = {"__name__": "__main__"}
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
"""


@pytest.fixture(autouse=True)
def _needs_training() -> None:
    if not all(find_spec(name) for name in ("peft", "pip")):
        assert not os.environ.get("CI"), "pip or the training extra is missing"
        pytest.skip("pip or the training extra is not installed")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the libraries, and without BotConvo."""
    folder = tmp_path_factory.mktemp("elsewhere") / "env"
    venv.create(folder, with_pip=False)
    scheme = "nt" if os.name == "nt" else "posix_prefix"
    names = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", scheme, names))
    libraries = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    # Path files in those are not followed, so an editable BotConvo there is not found.
    (packages / "libraries.pth").write_text("\n".join(sorted(libraries)), encoding="utf-8")
    scripts = Path(sysconfig.get_path("scripts", scheme, names))
    return scripts / ("python.exe" if os.name == "nt" else "python")


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {"PIP_NO_INDEX": "1", "OMP_NUM_THREADS": "1"} | more


def kernel(python: Path, notebook: Path, folder: Path) -> subprocess.Popen[str]:
    """All cells of the notebook, with ``folder`` as the folder that it lies in."""
    return subprocess.Popen(
        [str(python), "-u", "-c", KERNEL, str(notebook)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=environment(),
    )


def test_its_cells_train_a_clone_that_comes_home_and_talks(
    tmp_path: Path, base: Path, elsewhere: Path
) -> None:
    """With only the archive uploaded, and stopped once on the way."""
    project = a_project(tmp_path / "p")
    (project / "config.toml").write_text("[model_server]\nthreads = 1\n", encoding="utf-8")
    assert pack(project, "--rank", 2, "--epochs", 20, "--learning-rate", 1e-4, base=base).code == 0
    record = the_record(project)
    away = tmp_path / "content"
    away.mkdir()
    notebook = project / "packs" / f"{record.pack.name}.ipynb"
    # As a browser calls the second download of the same file.
    Path(record.archive).rename(away / f"{record.pack.name} (1).zip")

    if os.name != "nt":
        first = kernel(elsewhere, notebook, away)
        assert first.stdout is not None
        before = []
        for row in first.stdout:
            before.append(row)
            if row.startswith("epoch 0.5"):
                first.send_signal(signal.SIGINT)
                break
        rest = "".join(before) + first.communicate(timeout=120)[0]
        assert "KeyboardInterrupt" in rest, rest
        assert "the same command goes on" in rest
        assert not list(away.glob("*-trained.zip"))

    second = kernel(elsewhere, notebook, away)
    said = second.communicate(timeout=300)[0]
    assert second.returncode == 0, said
    assert os.name == "nt" or "going on from step" in said
    assert "Bort: 56 own lines, on cpu" in said
    result = away / f"{record.pack.name}-trained.zip"
    assert f"Download {result}" in said
    assert sorted(path.name for path in away.iterdir()) == sorted(
        [record.pack.name, f"{record.pack.name} (1).zip", result.name]
    )
    where = [str(elsewhere), "-c", "import botconvo; print(botconvo.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=True, env=environment())
    assert Path(found.stdout.strip()).is_relative_to(elsewhere.parent.parent)

    done = typed("adopt", result, "--project", project)
    assert (done.code, done.err) == (0, "")
    manifest = load_checkpoint(project / "checkpoints" / "bort").manifest
    assert manifest.training["epochs"] == 20
    assert manifest.training["rank"] == 2
    words = ["--config", project / "config.toml", "--seed", 1, "--max-tokens", 8, "-n", 1]
    talk = typed("generate", "Bort", "--prompt", "the potato", *words)
    assert talk.code == 0, talk.err
    assert talk.out.startswith("the potato")


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_base_of_the_hub_is_fetched_where_it_is_trained_and_where_an_adapter_needs_it(
    tmp_path: Path, method: str
) -> None:
    """Both convert it to the same bytes; whole weights need no base any more."""
    project = a_project(tmp_path / "p")
    words = ["--epochs", 0.1, "--method", method]
    assert pack(project, *words, base="somebody/gpt").code == 0
    record = the_record(project)
    folder = make_folder(tmp_path / "model", "gpt2")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    with ZipFile(record.archive) as archive:
        archive.extractall(tmp_path / "away")

    def botconvo(home: str, *words: object) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "botconvo", *map(str, words)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            cwd=tmp_path,
            check=False,
            env=os.environ
            | {
                "HF_ENDPOINT": hub.address,
                "HF_HOME": str(tmp_path / home),
                "HF_HUB_DISABLE_TELEMETRY": "1",
                "NO_PROXY": "127.0.0.1",
                "OMP_NUM_THREADS": "1",
            },
        )
        assert done.returncode == 0, done.stderr

    with fake_hub({"somebody/gpt": files}) as hub:
        botconvo("away-home", "train-packed", "away", "--output", "x.zip")
        asked = len(hub.asked)
        assert asked
        botconvo("home", "adopt", "x.zip", "--project", project)
        assert (len(hub.asked) > asked) == (method == "lora")
    manifest = load_checkpoint(project / "checkpoints" / "bort").manifest
    paths = {"lora": "../../bases/somebody-gpt", "full": None}
    assert (manifest.base.path if manifest.base else None) == paths[method]
    assert manifest.training["method"] == method


class Layouts:
    """Where the archive may lie when the notebook is opened."""

    def __init__(self, archive: Path, name: str, id: str) -> None:
        self.archive, self.name, self.id = archive, name, id

    def beside_it(self, folder: Path) -> Path:
        (folder / "mine.zip").write_bytes(self.archive.read_bytes())
        return folder / self.name

    def unpacked_around_it(self, folder: Path) -> Path:
        with ZipFile(self.archive) as file:
            file.extractall(folder)
        return folder

    def unpacked_beside_it(self, folder: Path) -> Path:
        return self.unpacked_around_it(folder / "some name")

    def among_others(self, folder: Path) -> Path:
        """A torn upload, another archive, another pack."""
        (folder / "a.zip").write_bytes(self.archive.read_bytes()[:-1000])
        with ZipFile(folder / "b.zip", "w") as file:
            file.writestr("pack.json", "{}")
        (folder / "c").mkdir()
        (folder / "c" / "pack.json").write_text('{"id": "another"}')
        return self.beside_it(folder)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory, base: Path) -> tuple[str, Layouts]:
    """The cell that finds the archive, and the archive."""
    project = a_project(tmp_path_factory.mktemp("notebook") / "p")
    pack(project, base=base)
    record = the_record(project)
    (path,) = (project / "packs").glob("*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"])
    return code, Layouts(Path(record.archive), record.pack.name, record.pack.id)


def execute(code: str, names: dict[str, Any]) -> None:
    exec(code, names)  # noqa: S102  (the cell that our own code wrote)


@pytest.mark.parametrize(
    "layout", ["beside_it", "unpacked_around_it", "unpacked_beside_it", "among_others"]
)
def test_it_finds_the_archive(
    tmp_path: Path, notebook: tuple[str, Layouts], layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, layouts = notebook
    where = getattr(layouts, layout)(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    execute(code, names)
    assert names["folder"] == where
    assert (where / "pack.json").is_file()


def test_without_it_a_notebook_says_what_to_upload(
    tmp_path: Path, notebook: tuple[str, Layouts], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, layouts = notebook
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"Upload {layouts.name}.zip beside"):
        execute(code, {})


@pytest.mark.parametrize("whole", [True, False])
def test_in_colab_it_asks_for_the_upload(
    tmp_path: Path, notebook: tuple[str, Layouts], monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """Colab is played by a module of the same name, whose upload is a copy."""
    code, layouts = notebook
    files = ModuleType("files")

    def upload() -> None:
        data = layouts.archive.read_bytes()
        (tmp_path / "up.zip").write_bytes(data if whole else data[:-100])

    files.upload = upload  # type: ignore[attr-defined]
    colab = ModuleType("google.colab")
    colab.files = files  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    if whole:
        execute(code, names)
        assert names["folder"] == tmp_path / layouts.name
        return
    with pytest.raises(FileNotFoundError, match="it is not whole; upload it again"):
        execute(code, names)

"""The running BotConvo as a wheel, for a computer that can get it nowhere else.

It is built from what is installed here, an editable checkout or not, and holds the Python files
alone: the sample server, its clones, the page and the noun phrases are not needed for training.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import botconvo
import model_server
from botconvo.errors import PackError

__all__ = ["build_wheel"]

_WHEEL = """\
Wheel-Version: 1.0
Generator: botconvo
Root-Is-Purelib: true
Tag: py3-none-any
"""


def build_wheel(folder: Path) -> Path:
    """Write the wheel into ``folder``.

    Raises:
        PackError: BotConvo is not installed, so that nobody knows what it needs.
    """
    try:
        installed = distribution("botconvo")
    except PackageNotFoundError:
        raise PackError("BotConvo is not installed here; pip install it, then pack") from None
    files = dict(_python_files()) | _metadata(installed)
    about = f"botconvo-{installed.version}.dist-info"
    files[f"{about}/RECORD"] = _record(files, f"{about}/RECORD").encode()
    path = folder / f"botconvo-{installed.version}-py3-none-any.whl"
    with ZipFile(path, "w", ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
    return path


def _python_files() -> Iterator[tuple[str, bytes]]:
    for package in (botconvo, model_server):
        assert package.__file__ is not None
        root = Path(package.__file__).parent
        for path in sorted(root.rglob("*.py")):
            yield path.relative_to(root.parent).as_posix(), path.read_bytes()


def _metadata(installed: Distribution) -> dict[str, bytes]:
    about = f"botconvo-{installed.version}.dist-info"
    texts = {name: installed.read_text(name) for name in ("METADATA", "entry_points.txt")}
    files = {f"{about}/{name}": text.encode() for name, text in texts.items() if text}
    files[f"{about}/WHEEL"] = _WHEEL.encode()
    for file in installed.files or ():
        if file.parts[0] == about and file.parts[1] == "licenses":
            files[file.as_posix()] = file.read_binary()
    return files


def _record(files: Mapping[str, bytes], own: str) -> str:
    """One row per file: name, digest, size; none of the last two for the record itself."""
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    return "\n".join([*rows, f"{own},,"]) + "\n"


def _digest(data: bytes) -> str:
    """As wheels have it: base 64 for addresses, without the padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()

"""A file that somebody asked for: whole or not there, and never in place of another unasked."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from botconvo.errors import OutputError

__all__ = ["refuse_existing", "rewrite", "write_whole"]


def refuse_existing(path: Path, advice: str = "--force replaces it") -> None:
    """
    Raises:
        OutputError: a file is there already.
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is there already; {advice}")


def write_whole(
    path: Path, content: str | bytes, *, force: bool, advice: str = "--force replaces it"
) -> None:
    """Write ``content``, a text as UTF-8, readable for its owner alone; in the end all is there.

    Raises:
        OutputError: it is there already and ``force`` is False, or it cannot be written; what was
            there is as it was.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it")
    partial: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "wb", dir=path.parent, prefix=f"{path.name}.", suffix=".partial", delete=False
        ) as file:
            partial = Path(file.name)
            file.write(
                content if isinstance(content, bytes) else content.encode("utf-8", "replace")
            )
        if not force:
            refuse_existing(path, advice)
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}; check the folder and the disk"
        ) from None
    finally:
        if partial is not None:
            with suppress(OSError):  # it has become the file
                partial.unlink()


def rewrite(path: Path, text: str) -> None:
    """Put ``text`` in the place of a file's, in one step; its permissions stay.

    Raises:
        OSError: it cannot be written, and is as it was.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_bytes(text.encode("utf-8"))
        shutil.copymode(path, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

"""Whether an extra is installed, found out before any work is done."""

from collections.abc import Iterable
from importlib import import_module

from botconvo.errors import TrainingError

__all__ = ["require_extra", "require_modules"]

_MODULES = (
    "torch",
    "safetensors",
    "tokenizers",
    "transformers",
    "peft",
    "huggingface_hub",
    "psutil",
)


def require_extra() -> None:
    """Import what training needs (seconds).

    Raises:
        TrainingError: one of the libraries is missing, or cannot be loaded.
    """
    require_modules(_MODULES, work="training", extra="train")


def require_modules(names: Iterable[str], *, work: str, extra: str) -> None:
    """Import the modules that ``work`` needs, all of them in an extra of BotConvo's.

    Raises:
        TrainingError: one of them is missing, or cannot be loaded.
    """
    for name in names:
        try:
            import_module(name)
        except ModuleNotFoundError:
            raise TrainingError(
                f'{work} needs {name}, which is not installed; pip install "botconvo[{extra}]"'
            ) from None
        except (ImportError, OSError) as error:  # a library of another platform or version
            raise TrainingError(
                # Whoever reinstalls "botconvo" by name may get a stranger's from the index.
                f"{work} needs {name}, which cannot be loaded ({_first_line(error)}); "
                f"pip install --force-reinstall {name}"
            ) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]

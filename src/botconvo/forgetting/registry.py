"""All keepers, in the order in which they are erased: files first, the store's rows last."""

from botconvo.forgetting import rows
from botconvo.forgetting.clones import CACHES, CLONES, RUNS
from botconvo.forgetting.files import COPIES, EVALUATIONS, FILES, LEAKS
from botconvo.forgetting.hosted import HOSTED
from botconvo.forgetting.packs import PACKS
from botconvo.forgetting.settings import SETTINGS

__all__ = ["KEEPERS"]

# The settings come after what is found by them.
KEEPERS = (
    CLONES,
    RUNS,
    PACKS,
    HOSTED,
    CACHES,
    COPIES,
    LEAKS,
    EVALUATIONS,
    FILES,
    SETTINGS,
    *rows.KEEPERS,
)

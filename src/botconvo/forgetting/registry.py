"""All keepers, in the order in which they are erased: files first, the store's rows last."""

from botconvo.forgetting import rows

__all__ = ["KEEPERS"]

KEEPERS = (*rows.KEEPERS,)

"""From an export to messages: one pure parser per format, picked by what stands in the file."""

from botconvo.importers.exports import Export, Found, find_exports
from botconvo.importers.formats import Origin
from botconvo.importers.rows import FAULTS, LeftOut, Reason, Row

__all__ = [
    "FAULTS",
    "Export",
    "Found",
    "LeftOut",
    "Origin",
    "Reason",
    "Row",
    "find_exports",
]

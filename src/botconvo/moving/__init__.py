"""A whole project moves to another machine: ``botconvo pack`` and ``botconvo unpack``.

What goes along are config.toml, the store, the clones and their bases; nobody's words who does not
agree now, no secrets, no raw exports.  ``botconvo train --pack`` is something else: it carries one
clone's training away (``botconvo.packing``).
"""

from botconvo.moving.contents import LeftBehind
from botconvo.moving.pack import PackedProject, pack_project
from botconvo.moving.unpack import UnpackedProject, unpack_project

__all__ = ["LeftBehind", "PackedProject", "UnpackedProject", "pack_project", "unpack_project"]

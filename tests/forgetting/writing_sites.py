"""Finds every place in the code that may write to a disk, by reading the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ROOT", "sites"]

ROOT = Path(__file__).parents[2]
_PACKAGES = ("src/botconvo", "model_server")
_CALLS = {
    "write_text",
    "write_bytes",
    "mkdir",
    "makedirs",
    "touch",
    "copy",
    "copy2",
    "copyfile",
    "copytree",
    "move",
    "rename",
    "symlink_to",
    "hardlink_to",
    "link",
    "mkstemp",
    "mkdtemp",
    "NamedTemporaryFile",
    "TemporaryDirectory",
    "TemporaryFile",
    "save_file",
    "GGUFWriter",
    "ZipFile",
    "write_whole",
    "rewrite",
    "FileHandler",
    "RotatingFileHandler",
    "connect",
    "memmap",
    "save",
    "savez",
    "dump",
}
"""Names of functions that write, or that write with some arguments; ``copy`` and ``connect`` of
others than files are sorted out by whom they are called on."""
_NOT_FILES = {"copy": ("shutil",), "connect": ("sqlite3",), "dump": ("json", "pickle", "yaml")}
_NOT_FILES |= {"save": ("torch", "np", "numpy"), "savez": ("np", "numpy"), "link": ("os",)}


def sites() -> Iterator[str]:
    """``module:function`` of each, once."""
    found: set[str] = set()
    for package in _PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = path.relative_to(ROOT).with_suffix("").as_posix().removeprefix("src/")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {f"{module}:{name}" for name in _writers(tree)}
    yield from sorted(found)


def _writers(tree: ast.AST, within: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        name = within
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{within}.{node.name}".lstrip(".")
        if isinstance(node, ast.Call) and _writes(node):
            yield within or "module"
        yield from _writers(node, name)


def _writes(call: ast.Call) -> bool:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name == "open":
        return _opens_for_writing(call)
    if name not in _CALLS:
        return False
    if name in _NOT_FILES:
        on = getattr(function, "value", None)
        return isinstance(on, ast.Name) and on.id in _NOT_FILES[name]
    return True


def _opens_for_writing(call: ast.Call) -> bool:
    """A mode that is no plain text counts as one that writes."""
    on_module = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)
    if on_module and call.func.value.id == "os":  # type: ignore[attr-defined]
        return True
    modes = [k.value for k in call.keywords if k.arg == "mode"]
    builtin = isinstance(call.func, ast.Name)
    place = 1 if builtin else 0
    if len(call.args) > place:
        modes.append(call.args[place])
    texts = [m.value for m in modes if isinstance(m, ast.Constant) and isinstance(m.value, str)]
    return any(set(text) <= set("rwaxbt+") and set(text) & set("wax+") for text in texts)

"""``config.toml``: the person's tables and their pictures go; the owner's comments stay."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, Table

from botconvo.config import token_variable
from botconvo.errors import ConfigError
from botconvo.forgetting.clones import remove
from botconvo.forgetting.keeping import Found, Keeper, Project
from botconvo.store import Somebody, Store
from botconvo.store.erasing import is_named
from botconvo.writing import rewrite

__all__ = ["SETTINGS", "pictures", "still_named"]


def _is_theirs(table: dict[str, Any], key: str, somebody: Somebody) -> bool:
    """A persona of their clone, or what joins their accounts."""
    name, clones = str(table.get("name", "")), {each.casefold() for each in somebody.clones}
    if name.casefold() in clones:
        return True
    return key == "people" and bool(somebody.authors & set(map(str, table.get("authors", ()))))


def _tables(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8-sig")) if config.exists() else {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{config}: cannot be read: {error}; mend it first") from None


def _find(project: Project, _: Store, somebody: Somebody) -> tuple[Found, ...]:
    tables = _tables(project.config)
    found = [
        Found(what=f"a table of {key}", count=1, shown=f"[[{key}]] {table.get('name', '')}")
        for key in ("personas", "people")
        for table in tables.get(key, ())
        if _is_theirs(table, key, somebody)
    ]
    found += [
        Found(what="a picture", count=1, shown=str(path))
        for path, inside in pictures(project, somebody)
        if inside
    ]
    return tuple(found)


def pictures(project: Project, somebody: Somebody) -> Iterator[tuple[Path, bool]]:
    """Avatars of their personas, and whether they lie in the project."""
    folder = project.config.parent
    for table in _tables(project.config).get("personas", ()):
        avatar = table.get("avatar")
        if not _is_theirs(table, "personas", somebody) or not avatar or "://" in str(avatar):
            continue
        path = folder / Path(str(avatar)).expanduser()
        if path.is_file():
            yield path, path.resolve().is_relative_to(project.folder.resolve())


def _erase(project: Project, _: Store, somebody: Somebody) -> None:
    for path, inside in list(pictures(project, somebody)):
        if inside:
            remove(path)
    config = project.config.resolve()  # behind a link the link stays
    if config.exists():
        before, after = _both(config, somebody)
        if after != before:
            _write(config, after)


def _both(config: Path, somebody: Somebody) -> tuple[str, str]:
    """The text as it is, and without the person."""
    try:
        before = config.read_bytes().decode("utf-8")
        document = tomlkit.parse(before.removeprefix("\ufeff"))
    except (OSError, ValueError, TOMLKitError) as error:
        raise ConfigError(f"{config}: {error}; mend it first") from None
    _strip(document, somebody)
    return before, tomlkit.dumps(document)


def _strip(table: Any, somebody: Somebody) -> None:
    """Their tables, and their names and ids in lists, wherever those stand."""
    gone = {*somebody.clones, *somebody.authors}
    for key in list(table):
        value = table[key]
        if isinstance(value, AoT):
            theirs = [
                place
                for place, each in enumerate(value)
                if key in ("personas", "people") and _is_theirs(each.unwrap(), key, somebody)
            ]
            for place in reversed(theirs):
                del value[place]
            if not len(value):
                del table[key]
                continue
            for each in value:
                _strip(each, somebody)
        elif isinstance(value, Array):
            for place in reversed([n for n, each in enumerate(value) if each in gone]):
                del value[place]
        elif isinstance(value, Table | dict):
            _strip(value, somebody)


def _write(config: Path, text: str) -> None:
    try:
        rewrite(config, text)
    except OSError as error:
        raise ConfigError(
            f"{config}: cannot be written: {error.strerror or error}; repeat the command then"
        ) from None


def still_named(project: Project, somebody: Somebody) -> tuple[str, ...]:
    """Rows of config.toml and .env that name them even so: comments, and names of variables."""
    variables = {token_variable(name) for name in somebody.clones}
    rows = []
    for path in (project.config, project.config.with_name(".env")):
        if not path.is_file():
            continue
        if path == project.config:
            _, text = _both(path, somebody)
        else:
            text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            variable = line.partition("=")[0].strip()
            shown = line if path == project.config else variable
            if variable in variables or is_named(shown, somebody.names, somebody.authors):
                rows.append(f"{path}, line {number}{' then' if path == project.config else ''}")
    return tuple(rows)


SETTINGS = Keeper(
    name="settings",
    holds="their persona and their accounts in config.toml, and their clone's picture",
    find=_find,
    erase=_erase,
)

"""Which clones of a project are meant: those of config.toml, or those that lie there."""

from collections.abc import Sequence
from pathlib import Path

from botconvo.config import PersonaSettings, Settings
from botconvo.errors import ConfigError
from botconvo.people import letters
from model_server.checkpoint.manifest import MANIFEST_NAME, Manifest
from model_server.checkpoint.versions import is_aside

__all__ = ["with_personas"]


def with_personas(settings: Settings, project: Path, names: Sequence[str]) -> Settings:
    """The settings with those personas alone that are called so; with all for no ``names``.

    Raises:
        ConfigError: there is no such clone, or none at all.
    """
    personas = settings.personas or _found(project)
    hosted = [p.name for p in personas if p.hosted is not None]
    asked = next((name for name in hosted if _is_meant(name, names)), None)
    if asked is not None:
        raise ConfigError(f"{asked}: its model is at a service, and this needs the weights here")
    personas = [p for p in personas if p.hosted is None]
    chosen = [p for p in personas if not names or _is_meant(p.name, names)]
    unknown = [n for n in names if not any(_is_meant(p.name, (n,)) for p in personas)]
    known = ", ".join(persona.name for persona in personas)
    if unknown or not chosen:
        there = f"there are {known}" if known else "there is none; train one: botconvo train NAME"
        raise ConfigError(f"no clone of {' or '.join(unknown) or 'anybody'} here: {there}")
    return settings.model_copy(update={"personas": chosen})


def _is_meant(name: str, names: Sequence[str]) -> bool:
    return any(letters(name) == letters(each) for each in names)


def _found(project: Path) -> list[PersonaSettings]:
    """Clones that no config.toml names, without their older versions."""
    found = []
    for path in sorted((project / "checkpoints").glob(f"*/{MANIFEST_NAME}")):
        if is_aside(path.parent.name):
            continue
        try:
            persona = Manifest.model_validate_json(path.read_bytes()).persona
        except (OSError, ValueError):
            continue  # none of ours
        if persona is not None:
            found.append(PersonaSettings(name=persona, checkpoint=path.parent.resolve()))
    return found

"""Clones of the earlier systems, which name nobody: how they speak, and who agreed to them.

A checkpoint of our own says both itself.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from botconvo.checkpoints import bound_people, bound_person
from botconvo.consent import PersonId
from botconvo.errors import ConfigError, ConsentError
from botconvo.granting import shell_word
from botconvo.store import Store
from model_server.checkpoint.manifest import Source
from model_server.prompt_format import PromptFormat, PromptKind

__all__ = ["binding_command", "person_behind", "speaking_as", "whose_clone"]


def speaking_as(
    name: str, form: PromptFormat, kind: PromptKind | None, checkpoint: Path
) -> PromptFormat:
    """The format of ``checkpoint`` with a persona's name; ``kind`` overrules what was recognised.

    Raises:
        ConfigError: the weights have learned to speak as others only.
    """
    form = replace(form, kind=kind or form.kind, speaker=name)
    if not form.knows(name):
        raise ConfigError(
            f"{name}: {checkpoint} has learned to speak as {', '.join(form.speakers)}; "
            "give the persona one of these names"
        )
    return form


def person_behind(source: Source, form: PromptFormat, store: Store, checkpoint: Path) -> PersonId:
    """Who agreed to the clone that ``form`` speaks as.

    Raises:
        ConsentError: nobody did, or no longer.
    """
    name = form.speaker
    by_name = form.kind == "speaker_token"  # such weights hold several people
    command = binding_command(name, checkpoint)
    try:
        person = bound_person(store, source.sha256, name, datetime.now(UTC), by_name=by_name)
    except ConsentError as error:
        raise ConsentError(f"{error}; if they agree again: {command}") from None
    if person is None:
        raise ConsentError(
            f"{name}: nobody is bound to {checkpoint}; ask, then record who agreed: {command}"
        )
    return person


def whose_clone(source: Source, form: PromptFormat, store: Store, checkpoint: Path) -> str:
    """The name of whoever is bound to a checkpoint that names nobody.

    Raises:
        ConfigError: nobody is, or several who could be meant.
    """
    people = bound_people(store, source.sha256, datetime.now(UTC))
    names = sorted(person.name for person in people if form.knows(person.name))
    if len(names) == 1:
        return names[0]
    if names:
        raise ConfigError(
            f"{checkpoint} is a clone of {', '.join(names)}; say whom you mean in a [[personas]] "
            "table of config.toml"
        )
    known = f" (it has learned to speak as {', '.join(form.speakers)})" if form.speakers else ""
    raise ConfigError(
        f"{checkpoint} names nobody{known}; ask, then record whose clone it is: "
        f"{binding_command('NAME', checkpoint)}"
    )


def binding_command(name: str, checkpoint: object, project: object = None) -> str:
    """What the owner types, once they have asked, to say whose clone a checkpoint is."""
    words = ["botconvo", "consent", "grant", name, "--adult", "--checkpoint", checkpoint]
    words += [] if project is None else ["--project", project]
    return " ".join(map(shell_word, words))

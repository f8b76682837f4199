"""The composition root: settings in, parts out.

The only place where concrete parts are chosen.  Nothing below it reads settings or the
environment; nothing above it makes a part.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from botconvo.config import (
    ConsoleSettings,
    PersonaSettings,
    Settings,
    WebSettings,
    load_settings,
    read_environment,
)
from botconvo.consent import PersonId, live_record
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Post
from botconvo.errors import ConfigError, ConsentError
from botconvo.messages import AuthorId, Message
from botconvo.model_client import ModelClient
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.cast import CastMember
from botconvo.orchestrator.clock import RealClock
from botconvo.orchestrator.run import Plan, Reins
from botconvo.orchestrator.supervisor import Supervisor
from botconvo.people import People, Person
from botconvo.personas import Persona, PersonaName
from botconvo.phrases import LoadingPipeline
from botconvo.ports import Platform
from botconvo.safety.wordlist import WordListFilter
from botconvo.store import STORE_NAME, Store
from botconvo.voices import CloneVoice, Voice
from model_server.checkpoint.folder import Checkpoint, load_checkpoint
from model_server.checkpoint.manifest import Consent
from model_server.errors import ModelServerError

__all__ = ["RunOptions", "build_cast", "build_plan", "build_platforms", "bundled_base"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line says about a run; None leaves it to the settings."""

    config: Path
    platforms: tuple[str, ...] = ()
    preset: str | None = None
    seed: int | None = None
    max_messages: int | None = None
    json: bool = False


def bundled_base() -> Path:
    """The folder of the base model that comes with BotConvo."""
    return Path(str(files("botconvo") / "demo" / "base"))


def open_checkpoint(folder: Path) -> Checkpoint:
    """A checkpoint with its base: the one that it names, else the one that comes with BotConvo.

    Raises:
        CheckpointError: it is missing, torn, or does not fit together.
    """
    return load_checkpoint(folder, base=bundled_base())


def build_cast(settings: Settings, store: Store) -> tuple[CastMember, ...]:
    """Every persona with its checkpoint checked and its consent looked up.

    Raises:
        ConfigError: no persona is configured, or one's avatar is missing.
        CheckpointError: a checkpoint cannot be used.
        ConsentError: nobody agreed to one of the clones.
    """
    if not settings.personas:
        raise ConfigError("config.toml has no [[personas]] table; add one for each clone")
    return tuple(_member(persona, settings, store) for persona in settings.personas)


def _member(persona: PersonaSettings, settings: Settings, store: Store) -> CastMember:
    checkpoint = open_checkpoint(persona.checkpoint)
    manifest, servers = checkpoint.manifest, settings.model_server
    if manifest.prompt_format is None or manifest.consent is None:
        raise ConfigError(
            f"{persona.name}: {persona.checkpoint} is a base, not a clone; "
            "train one with 'botconvo train NAME'"
        )
    if manifest.prompt_format.speaker != persona.name:
        raise ConfigError(
            f"{persona.name}: {persona.checkpoint} was trained as "
            f"{manifest.prompt_format.speaker!r}; give the persona that name"
        )
    if persona.avatar is not None and not persona.avatar.is_file():
        raise ConfigError(f"{persona.name}: there is no avatar at {persona.avatar}")
    person = consenting_person(manifest.consent, store, persona.name)
    spec = ModelSpec(
        persona=persona.name,
        checkpoint=persona.checkpoint,
        base=checkpoint.base_path if checkpoint.adapter_path is not None else None,
        digest=checkpoint.digest,
        port=persona.port or 0,
        context=min(servers.context, manifest.architecture.context),
        parallel=servers.parallel,
        threads=servers.threads,
    )
    clone = Persona(
        name=PersonaName(persona.name),
        talkativeness=persona.talkativeness,
        sampling=persona.sampling.value(),
    )
    return CastMember(persona=clone, spec=spec, person=person, prompt_format=manifest.prompt_format)


def consenting_person(consent: Consent, store: Store, name: str) -> PersonId | None:
    """Who agreed to a clone; None for an invented character that the ledger does not know.

    Raises:
        ConsentError: nobody agreed, or no longer.
    """
    person = PersonId(consent.person)
    entries = store.ledger(person)
    if live_record(entries, person, datetime.now(UTC)) is not None:
        return person
    if consent.fictional and not entries:
        return None
    state = "was withdrawn or has expired" if entries else f"is not in {store.path}"
    raise ConsentError(
        f"{name}: the consent for this clone {state}; "
        f"record it with 'botconvo consent grant {name}', or remove the persona"
    )


def build_people(settings: Settings) -> People:
    return People(
        Person(name=person.name, authors=frozenset(AuthorId(a) for a in person.authors))
        for person in settings.people
    )


def build_plan(
    settings: Settings,
    options: RunOptions,
    store: Store,
    http: httpx.AsyncClient,
    posted: Callable[[Message, Post], None],
) -> Plan:
    """All that ``orchestrator.run`` needs.  The phrase pipeline loads on while servers start.

    Raises:
        ConfigError, CheckpointError, ConsentError: see ``build_cast``.
        PhraseError: the pipeline that the settings name cannot be used.
    """
    manners = settings.conversation.manners(options.preset)
    members = build_cast(settings, store)
    seeded = options.seed is not None
    token = settings.model_server_token or SecretStr(secrets.token_urlsafe(32))
    # Not earlier: an error would have to wait for its thread.
    extractor = LoadingPipeline(settings.spacy_pipeline)
    if settings.spacy_pipeline not in ("auto", "bundled"):
        _ = extractor.description  # what the owner names is there before anybody speaks
    text_filter = WordListFilter(settings.conversation.allowed_words)

    def reload() -> tuple[tuple[CastMember, ...], Manners]:
        fresh = load_settings(options.config)
        try:
            members = build_cast(fresh, store)
        except ModelServerError as error:
            raise ConfigError(str(error)) from None
        text_filter.allow(fresh.conversation.allowed_words)
        return members, fresh.conversation.manners(options.preset)

    def voice(member: CastMember, address: Callable[[], str | None]) -> Voice:
        client = ModelClient(member.persona.name, http, address, token)
        return CloneVoice(member.prompt_format, client, extractor, text_filter)

    return Plan(
        members=members,
        manners=manners,
        people=build_people(settings),
        seed=options.seed if options.seed is not None else secrets.randbits(32),
        wait_for_all=seeded,
        max_messages=options.max_messages,
        keep_history=not seeded,
        run_id=secrets.token_hex(4),
        config=options.config,
        prepare=lambda: extractor.description,  # waits until it has loaded
        reload=reload,
        supervise=lambda spec, changed: Supervisor(
            spec,
            token,
            http,
            changed,
            start_timeout_s=settings.model_server.start_timeout_s,
        ),
        voice=voice,
        store=store,
        clock=RealClock(),
        posted=posted,
    )


def build_platforms(
    settings: Settings, options: RunOptions, reins: Reins, stop: Callable[[], None]
) -> Sequence[Platform]:
    """The platforms that were asked for, else the configured ones, else the page.

    Raises:
        ConfigError: a platform does not exist.
    """
    configured = [name for name in _PLATFORMS if getattr(settings.platforms, name, None)]
    names = options.platforms or tuple(configured) or ("web",)
    unknown = [name for name in names if name not in _PLATFORMS]
    if unknown:
        raise ConfigError(
            f"platform {unknown[0]!r} does not exist; take one of {', '.join(_PLATFORMS)}"
        )
    return [_PLATFORMS[name](settings, options, reins, stop) for name in dict.fromkeys(names)]


def _web(
    settings: Settings, options: RunOptions, reins: Reins, stop: Callable[[], None]
) -> Platform:
    from botconvo.platforms.web.platform import WebPlatform

    web = settings.platforms.web or WebSettings()
    return WebPlatform(
        reins,
        host=web.host,
        port=web.port,
        avatars={PersonaName(p.name): p.avatar for p in settings.personas if p.avatar},
        personas=[PersonaName(p.name) for p in settings.personas],
        open_browser=web.open_browser,
        channel_name=web.channel,
        title=web.title,
    )


def _console(
    settings: Settings, options: RunOptions, reins: Reins, stop: Callable[[], None]
) -> Platform:
    from botconvo.platforms.console import ConsolePlatform

    console = settings.platforms.console or ConsoleSettings()
    return ConsolePlatform(
        reins,
        colour=console.colour,
        quiet=options.json,
        personas=[PersonaName(p.name) for p in settings.personas],
        quit=stop,
    )


_PLATFORMS: dict[str, Callable[[Settings, RunOptions, Reins, Callable[[], None]], Platform]] = {
    "web": _web,
    "console": _console,
}


def serve_checkpoint(checkpoint: Path, project: Path, **words: Any) -> int:
    """Look up the consent, then serve until stopped; the exit code.

    Raises:
        ConsentError: nobody agreed to this clone.
        ModelServerError: the checkpoint or the address cannot be used.
    """
    from model_server.__main__ import Options, serve

    opened = open_checkpoint(checkpoint)
    consent = opened.manifest.consent
    if consent is not None:
        _check_consent(consent, project, opened.manifest.persona or str(checkpoint))
    base = opened.base_path if opened.adapter_path is not None else None
    options = Options(checkpoint=checkpoint, base=base, permit=opened.digest, **words)
    return serve(options, read_environment(project))


def _check_consent(consent: Consent, project: Path, name: str) -> None:
    path = project / STORE_NAME
    if consent.fictional and not path.exists():
        return
    with Store.open(path, create=False) as store:
        consenting_person(consent, store, name)

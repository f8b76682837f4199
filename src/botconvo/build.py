"""The composition root: settings in, parts out.

The only place where concrete parts are chosen.  Nothing below it reads settings or the
environment; nothing above it makes a part.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from botconvo.checkpoints import (
    bundled_base,
    cache_beside,
    consenting_person,
    open_checkpoint,
    refuse_disabled,
    refuse_weights,
)
from botconvo.config import (
    ConsoleSettings,
    HostedModelSettings,
    PersonaSettings,
    Settings,
    WebSettings,
    load_settings,
)
from botconvo.consent import PersonId, refusal
from botconvo.conversation.manners import Manners
from botconvo.conversation.orders import Post
from botconvo.errors import ConfigError, ConsentError
from botconvo.granting import find_person, grant_command
from botconvo.hosted.records import model_digest
from botconvo.hosted.service import (
    KEY,
    check_endpoint,
    check_installed,
    host_of,
    require_openai,
)
from botconvo.hosted.voice import HostedVoice
from botconvo.leak_gate import LeakGate, leak_index, sample_index
from botconvo.messages import AuthorId, ChannelId, Message
from botconvo.model_client import ModelClient
from botconvo.model_process import ModelSpec
from botconvo.old_clones import person_behind, speaking_as, whose_clone
from botconvo.orchestrator.approvals import Approvals
from botconvo.orchestrator.cast import CastMember
from botconvo.orchestrator.charge import Charge
from botconvo.orchestrator.clock import RealClock
from botconvo.orchestrator.hosted import HostedServer, HostedSpec, Watched
from botconvo.orchestrator.playing import Playing
from botconvo.orchestrator.reins import Reins
from botconvo.orchestrator.run import Plan, Settled
from botconvo.orchestrator.supervisor import Supervisor
from botconvo.people import People, Person
from botconvo.personas import Persona, PersonaName, Sampling
from botconvo.phrases import LoadingPipeline, NoPhrases
from botconvo.platforms.web.seat import Seat
from botconvo.ports import Clock, Game, KnownFilter, Platform, TextFilter
from botconvo.safety.leaks import LeakIndex
from botconvo.safety.refusals import Refusals
from botconvo.safety.wordlist import WordListFilter
from botconvo.store import Store
from botconvo.transcript.grammar import Line
from botconvo.voices import CloneVoice, CompanyVoice, Voice
from botconvo.zones import zone_of
from model_server.checkpoint.folder import Checkpoint
from model_server.checkpoint.learned_manners import LearnedManners
from model_server.errors import ModelServerError
from model_server.prompt_format import PromptFormat

if TYPE_CHECKING:
    from botconvo.blind_game import BlindGame, Material

__all__ = [
    "CONVERSING",
    "PlayOptions",
    "Rehearsed",
    "RunOptions",
    "build_cast",
    "build_filter",
    "build_game",
    "build_material",
    "build_plan",
    "build_platforms",
    "build_playing",
    "build_refusals",
    "take_up",
]

logger = logging.getLogger(__name__)

_PLAY_PRESET = "friend-simulator"
CONVERSING = ("transcript", "speaker_token")
"""Kinds of prompt formats that tell speakers apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line says about a run; None leaves it to the settings."""

    config: Path
    platforms: tuple[str, ...] = ()
    preset: str | None = None
    seed: int | None = None
    max_messages: int | None = None
    json: bool = False
    rehearsed: "Rehearsed | None" = None
    words: Callable[[], Path] | None = None
    """Where the store lies from which the blind game takes lines, if it is not the run's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a rehearsal puts in the place of the real thing."""

    clock: Clock
    seat: Seat
    """Where visitors of the page take part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayOptions:
    """What the command line says about ``chat`` and ``generate``; None leaves it to the settings.

    ``max_tokens`` is what an answer may have where neither preset, persona nor ``sampling`` says.
    """

    name: str | None
    sampling: Sampling
    preset: str | None = None
    seed: int | None = None
    bad_words: tuple[str, ...] = ()
    max_tokens: int | None = None


def build_cast(
    settings: Settings, store: Store, refused: Callable[[ConsentError], None] | None = None
) -> tuple[CastMember, ...]:
    """Every persona with its checkpoint checked and its consent looked up.

    With ``refused`` those whom nobody agreed to are told there, and left out.

    Raises:
        ConfigError: no persona is configured, or one's avatar is missing.
        CheckpointError: a checkpoint cannot be used.
        ConsentError: nobody agreed to one of the clones.
    """
    if not settings.personas:
        raise ConfigError(
            "config.toml has no [[personas]] table; 'botconvo train NAME' adds one for a friend"
        )
    members = []
    for persona in settings.personas:
        try:
            members.append(_member(persona, settings, store))
        except ConsentError as error:
            if refused is None:
                raise
            refused(error)
    return tuple(members)


def _member(persona: PersonaSettings, settings: Settings, store: Store) -> CastMember:
    if isinstance(persona.avatar, Path) and not persona.avatar.is_file():
        raise ConfigError(
            f"{persona.name}: there is no avatar at {persona.avatar}; give another path, or none"
        )
    if persona.hosted is not None:
        if settings.hosted_key is None or not settings.hosted_key.get_secret_value():
            raise ConfigError(
                f"{persona.name}: its model is at {host_of(persona.hosted.endpoint)}, which needs "
                f"a key; put it into .env beside config.toml as {KEY}=..."
            )
        return _hosted_member(persona, persona.hosted, store)
    assert persona.checkpoint is not None
    servers = settings.model_server
    cache = cache_beside(settings.store if settings.store.exists() else store.path)
    checkpoint = open_checkpoint(persona.checkpoint, cache, servers.precision)
    form, person = _speech_and_person(persona, checkpoint, store)
    refuse_disabled(checkpoint, store, persona.name)
    spec = ModelSpec(
        persona=persona.name,
        checkpoint=checkpoint.folder,
        base=checkpoint.base_path if checkpoint.adapter_path is not None else None,
        digest=checkpoint.digest,
        port=persona.port or 0,
        context=min(servers.context, checkpoint.manifest.architecture.context),
        parallel=servers.parallel,
        threads=servers.threads,
    )
    return CastMember(
        persona=_persona(persona, _learned(checkpoint.manifest.manners)),
        spec=spec,
        person=person,
        prompt_format=form,
        weights=checkpoint.manifest.weights.sha256,
    )


def _learned(manners: LearnedManners | None) -> LearnedManners | None:
    """Without hours where this computer knows no such time zone."""
    if manners is None or manners.hours is None:
        return manners
    try:
        zone_of(manners.hours.zone)
    except ValueError:
        return replace(manners, hours=None)
    return manners


def _persona(persona: PersonaSettings, learned: LearnedManners | None = None) -> Persona:
    return Persona(
        name=PersonaName(persona.name),
        talkativeness=persona.talkativeness,
        sampling=persona.sampling.value(),
        learned=learned,
    )


def _hosted_member(
    persona: PersonaSettings, hosted: HostedModelSettings, store: Store
) -> CastMember:
    """
    Raises:
        ConfigError: the endpoint is none, or the library for services is not installed.
        ConsentError: nobody of that name agreed that the service works on their words.
    """
    check_installed()
    name, endpoint = persona.name, check_endpoint(hosted.endpoint)
    processor = hosted.processor or host_of(endpoint)
    person, now = find_person(store.people(), name), datetime.now(UTC)
    if person.name != name:  # the model knows the clone by the other name
        raise ConfigError(f"{name}: the consent is {person.name!r}'s; give the persona that name")
    live = store.live_record(person.id, now)
    why = refusal(live, now, processor=processor)
    if why is not None:
        raise ConsentError(
            f"{name}: the consent for this clone {why}; ask, then: "
            f"{grant_command(person.name, live, processor=processor)}"
        )
    weights = model_digest(endpoint, hosted.model)
    refuse_weights(weights, store, name)
    spec = HostedSpec(
        persona=name,
        endpoint=endpoint,
        model=hosted.model,
        form=hosted.form,
        processor=processor,
    )
    form = PromptFormat(speaker=person.name)
    return CastMember(
        persona=_persona(persona), spec=spec, person=person.id, prompt_format=form, weights=weights
    )


def _hosted_voice(
    spec: HostedSpec, settings: Settings, store: Store, text_filter: TextFilter
) -> Voice:
    def may_go_out(lines: Sequence[Line]) -> Sequence[Line]:
        """Without those of clones, and of others known by name, who did not agree to that."""
        now = datetime.now(UTC)
        agreed = {
            person.name: refusal(store.live_record(person.id, now), now, processor=spec.processor)
            is None
            for person in store.people()
        }
        return [line for line in lines if agreed.get(line.name, True)]

    return HostedVoice(spec, settings.hosted_key, may_go_out, text_filter)


def _speech_and_person(
    persona: PersonaSettings, checkpoint: Checkpoint, store: Store
) -> tuple[PromptFormat, PersonId | None]:
    """How a clone speaks and who agreed to it.

    Raises:
        ConfigError: the checkpoint is a base, or a clone of somebody else.
        ConsentError: nobody agreed.
    """
    name, manifest, path = persona.name, checkpoint.manifest, persona.checkpoint
    assert path is not None
    form, source = manifest.prompt_format, manifest.source
    if form is None or (manifest.consent is None and source is None):
        raise ConfigError(
            f"{name}: {path} is a base, not a clone; train one with 'botconvo train NAME'"
        )
    if manifest.consent is None and source is not None:
        form = speaking_as(name, form, persona.prompt_format, path)
        return form, person_behind(source, form, store, path)
    if form.speaker != name:
        raise ConfigError(
            f"{name}: {path} was trained as {form.speaker!r}; give the persona that name"
        )
    assert manifest.consent is not None
    return form, consenting_person(manifest.consent, store, name)


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
    changed: Callable[[Settings], None] = lambda _: None,
    let_go: Callable[[], None] = lambda: None,
) -> Plan:
    """All that ``orchestrator.run`` needs.  The phrase pipeline loads on while servers start.

    ``changed`` is called, in a thread, with settings that changed while it runs, and may raise a
    ConfigError: then they are not taken up.  ``let_go`` is called when somebody was forgotten.

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
    text_filter, people = _text_filter(settings), build_people(settings)
    gate = LeakGate(text_filter, _leak_indexes(members, store))
    refusals = build_refusals(gate, store)
    clock = options.rehearsed.clock if options.rehearsed else RealClock()

    def reload() -> Settled:
        fresh = load_settings(options.config)
        # The platforms stay as they are until the next start.
        _check_approvals(settings.model_copy(update={"reins": fresh.reins}), options)
        _check_office(settings.reins.approval_channel, fresh.reins.approval_channel)
        try:
            # Somebody who takes their consent back must not keep the others from changes.
            members = build_cast(fresh, store, lambda error: logger.warning("%s", error))
        except ModelServerError as error:
            raise ConfigError(str(error)) from None
        changed(fresh)
        text_filter.allow(fresh.conversation.allowed_words)
        text_filter.forbid(fresh.conversation.bad_words)
        return Settled(
            members=members,
            manners=fresh.conversation.manners(options.preset),
            law=fresh.reins.law(),
            approval_channel=_approval_channel(fresh),
            approval=fresh.reins.approval,
        )

    def renew() -> None:
        let_go()
        gate.use(_leak_indexes(members, store))

    def voice(member: CastMember, address: Callable[[], str | None]) -> Voice:
        if isinstance(member.spec, HostedSpec):
            return _hosted_voice(member.spec, settings, store, refusals)
        client = ModelClient(member.persona.name, http, address, token)
        return CloneVoice(member.prompt_format, client, extractor, refusals)

    def supervise(spec: ModelSpec | HostedSpec, changed: Callable[[], None]) -> Watched:
        return _watched(spec, settings, token, http, changed)

    return Plan(
        members=members,
        manners=manners,
        people=people,
        seed=options.seed if options.seed is not None else secrets.randbits(32),
        wait_for_all=seeded,
        max_messages=options.max_messages,
        keep_history=not seeded and options.rehearsed is None,
        run_id=secrets.token_hex(4),
        config=options.config,
        prepare=lambda: extractor.description,  # waits until it has loaded
        reload=reload,
        renew=renew,
        supervise=supervise,
        voice=voice,
        store=store,
        clock=clock,
        posted=posted,
        charge=Charge(store, clock, law=settings.reins.law(), people=people, refusals=refusals),
        approvals=Approvals(_approval_channel(settings)),
        approval=settings.reins.approval,
    )


def _watched(
    spec: ModelSpec | HostedSpec,
    settings: Settings,
    token: SecretStr,
    http: httpx.AsyncClient,
    changed: Callable[[], None],
) -> Watched:
    if isinstance(spec, HostedSpec):
        return HostedServer(spec, changed, require_openai)
    timeout_s = settings.model_server.start_timeout_s
    return Supervisor(spec, token, http, changed, start_timeout_s=timeout_s)


def build_playing(
    settings: Settings, options: PlayOptions, store: Store, http: httpx.AsyncClient
) -> Playing:
    """All that ``chat`` and ``generate`` need.

    Raises:
        ConfigError: there is no such persona or checkpoint.
        CheckpointError, ConsentError: see ``build_cast``.
    """
    member = _member(_persona_to_play(settings, options.name, store), settings, store)
    _check_console(member.persona.name, member.person, store, member.processor)
    people = {member.persona.name: member.person}
    is_hosted = isinstance(member.spec, HostedSpec)  # such a model speaks as nobody else
    if member.prompt_format.kind in CONVERSING and not is_hosted:
        company = _company(settings, store)
        knows = member.prompt_format.knows
        people = {name: person for name, person in company.items() if knows(name)} | people
    sampling = options.sampling.over(member.persona.sampling)
    member = replace(member, persona=replace(member.persona, sampling=sampling))
    prompt_format, manners = member.prompt_format, _play_manners(settings, options, member)
    phrases = LoadingPipeline(settings.spacy_pipeline) if manners.opening_share else NoPhrases()
    token = settings.model_server_token or SecretStr(secrets.token_urlsafe(32))
    text_filter = build_filter(settings, (member,), store, options.bad_words)

    def voice(
        speaker: Persona | None, cast: Sequence[Persona], address: Callable[[], str | None]
    ) -> Voice:
        if isinstance(member.spec, HostedSpec):
            return _hosted_voice(member.spec, settings, store, text_filter)
        client = ModelClient(member.persona.name, http, address, token)
        if speaker is None:
            return CompanyVoice(prompt_format, {each.name for each in cast}, client, text_filter)
        own = replace(prompt_format, speaker=speaker.name)
        return CloneVoice(own, client, phrases, text_filter)

    def check_consent(cast: Sequence[Persona]) -> None:
        for name in {member.persona.name, *(persona.name for persona in cast)}:
            _check_console(name, people[name], store, member.processor)
        refuse_weights(member.weights, store, member.persona.name)

    def keep_in_mind(path: Path) -> None:
        known = frozenset(person for person in people.values() if person is not None)
        store.note_file(path, "chat", known)

    return Playing(
        member=member,
        company=tuple(
            Persona(name=name, sampling=sampling) for name in people if name != member.persona.name
        ),
        names_speakers=prompt_format.kind == "transcript" and not is_hosted,
        manners=manners,
        seed=options.seed if options.seed is not None else secrets.randbits(32),
        supervise=lambda changed: _watched(member.spec, settings, token, http, changed),
        voice=voice,
        check_consent=check_consent,
        keep_in_mind=keep_in_mind,
    )


def _persona_to_play(settings: Settings, name: str | None, store: Store) -> PersonaSettings:
    """The persona of that name, or one for the checkpoint at that path."""
    personas = settings.personas
    known = ", ".join(persona.name for persona in personas)
    if name is None:
        if len(personas) == 1:
            return personas[0]
        there = f"one of {known}" if known else "config.toml has no [[personas]] table"
        raise ConfigError(f"say whom, by name or as the path of a checkpoint: {there}")
    for persona in personas:
        if persona.name.casefold() == name.casefold():
            return persona
    path = Path(name).absolute()
    if not _exists(path):
        there = f"there are {known}" if known else "there is none"
        raise ConfigError(
            f"{name!r} is neither a persona of config.toml ({there}) nor the path of a checkpoint"
        )
    cache, precision = cache_beside(store.path), settings.model_server.precision
    manifest = open_checkpoint(path, cache, precision).manifest
    form, source = manifest.prompt_format, manifest.source
    if form is None:
        raise ConfigError(f"{path} is a base, not a clone; train one with 'botconvo train NAME'")
    speaker = form.speaker if source is None else whose_clone(source, form, store, Path(name))
    if not speaker:
        raise ConfigError(f"{path} names nobody; say whose clone it is in a [[personas]] table")
    return PersonaSettings(name=speaker, checkpoint=path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no file can have such a name
        return False


def _play_manners(settings: Settings, options: PlayOptions, member: CastMember) -> Manners:
    manners = settings.conversation.manners(options.preset or _PLAY_PRESET)
    if options.max_tokens is not None and options.preset is None:
        manners = replace(manners, max_tokens=(options.max_tokens, options.max_tokens))
    if member.prompt_format.kind == "plain":  # it hears nothing but what its answer begins with
        manners = replace(manners, opening_share=1.0)
    most = member.spec.context // 2
    fewest, many = manners.max_tokens
    return replace(manners, max_tokens=(min(fewest, most), min(many, most)))


def _check_console(
    name: PersonaName, person: PersonId | None, store: Store, processor: str = "local"
) -> None:
    """
    Raises:
        ConsentError: whoever was cloned has not agreed, or no longer, or not to the console.
    """
    if person is None:
        return
    now = datetime.now(UTC)
    why = refusal(store.live_record(person, now), now, platform="console", processor=processor)
    if why is not None:
        raise ConsentError(
            f"{name}: the consent for this clone {why}; 'botconvo consent show {name}' shows it"
        )


def _company(settings: Settings, store: Store) -> dict[PersonaName, PersonId | None]:
    """Everybody in whose name a model may write here: who agreed, and who is invented."""
    company: dict[PersonaName, PersonId | None] = {}
    for persona in settings.personas:
        # Another persona that cannot be used is no reason not to use this one.
        with suppress(ConfigError, ConsentError, ModelServerError):
            person = _member(persona, settings, store).person
            _check_console(PersonaName(persona.name), person, store)
            company[PersonaName(persona.name)] = person
    for known in store.people():
        name = PersonaName(known.name)
        with suppress(ConsentError):
            _check_console(name, known.id, store)
            company.setdefault(name, known.id)
    return company


def _text_filter(settings: Settings, bad_words: Iterable[str] = ()) -> WordListFilter:
    talk = settings.conversation
    return WordListFilter(talk.allowed_words, (*talk.bad_words, *bad_words))


def _leak_indexes(members: Sequence[CastMember], store: Store) -> Iterator[LeakIndex]:
    """What the clones may know by heart: the project's messages, and those of the demo's clones."""
    yield leak_index(store)
    demo = bundled_base().parent
    specs = (member.spec for member in members)
    if any(isinstance(s, ModelSpec) and s.checkpoint.is_relative_to(demo) for s in specs):
        yield sample_index()


def build_filter(
    settings: Settings,
    members: Sequence[CastMember],
    store: Store,
    bad_words: Iterable[str] = (),
) -> Refusals:
    """What every text of a run goes through: the words, the leak gate, what people removed."""
    gate = LeakGate(_text_filter(settings, bad_words), _leak_indexes(members, store))
    return build_refusals(gate, store)


def build_refusals(text_filter: KnownFilter, store: Store) -> Refusals:
    """The filter with what people removed, in any channel of the project."""
    return Refusals(text_filter, ((each.number, each.text) for each in store.refused_texts()))


def _approval_channel(settings: Settings) -> ChannelId | None:
    channel = settings.reins.approval_channel
    return None if channel is None or not settings.reins.curated else ChannelId(channel)


def build_game(settings: Settings, options: RunOptions, reins: Reins, store: Store) -> "BlindGame":
    """The blind game with the clones of a run."""
    from botconvo.blind_game import BlindGame, Played

    def find(persona: PersonaName) -> Played | None:
        playing = reins.playing(persona)
        if playing is None or not isinstance(playing[0].spec, ModelSpec):
            return None
        return Played(member=playing[0], spec=playing[0].spec, voice=playing[1])

    rehearsed = options.rehearsed
    material = build_material(
        settings,
        options.words or (lambda: store.path),
        store.path,
        preset=options.preset,
        now=RealClock().now if rehearsed is None else rehearsed.clock.now,
    )
    return BlindGame(material, find)


def build_material(
    settings: Settings,
    words: Callable[[], Path],
    scores: Path,
    *,
    now: Callable[[], datetime],
    preset: str | None = None,
    since: datetime | None = None,
) -> "Material":
    """What the blind game needs to know; ``words`` and ``scores`` are where stores lie."""
    from botconvo.blind_game import Material

    return Material(
        words=words,
        scores=scores,
        manners=settings.conversation.manners(preset),
        text_filter=lambda store: build_refusals(_text_filter(settings), store),
        now=now,
        seed=secrets.randbits(32),
        since=since,
    )


def build_platforms(
    settings: Settings,
    options: RunOptions,
    reins: Reins,
    store: Store,
    stop: Callable[[], None],
    game: Game | None = None,
) -> Sequence[Platform]:
    """The platforms that were asked for, else the configured ones, else the page.

    Raises:
        ConfigError: a platform does not exist, or lacks what it needs.
    """
    names = _platform_names(settings, options)
    unknown = [name for name in names if name not in _PLATFORMS]
    if unknown:
        raise ConfigError(
            f"platform {unknown[0]!r} does not exist; take one of {', '.join(_PLATFORMS)}"
        )
    _check_approvals(settings, options)
    return [
        _PLATFORMS[name](settings, options, reins, store, stop, game)
        for name in dict.fromkeys(names)
    ]


def take_up(platforms: Sequence[Platform], begun: Settings, fresh: Settings) -> None:
    """Bring settings that changed to the platforms of a run that began with others.

    Raises:
        ConfigError: they make no sense there.
    """
    for platform in platforms:
        if platform.name == "discord":
            from botconvo.build_discord import take_up_discord
            from botconvo.platforms.discord.platform import DiscordPlatform

            assert isinstance(platform, DiscordPlatform)
            take_up_discord(platform, begun, fresh)


def _platform_names(settings: Settings, options: RunOptions) -> tuple[str, ...]:
    configured = [name for name in _PLATFORMS if getattr(settings.platforms, name, None)]
    return options.platforms or tuple(configured) or ("web",)


def _check_approvals(settings: Settings, options: RunOptions) -> None:
    """
    Raises:
        ConfigError: lines would wait for approval where nobody can give it.
    """
    names = _platform_names(settings, options)
    if not settings.reins.curated:
        return
    channel = settings.reins.approval_channel
    places = ("web", "console") if channel is None else (channel.partition(":")[0],)
    if not set(places) & set(names):
        raise ConfigError(
            f"reins.curated: lines are approved on {' or '.join(places)}, which is not among the "
            f"platforms of this run ({', '.join(names)}); add it, or set reins.approval_channel"
        )


def _check_office(begun: str | None, fresh: str | None) -> None:
    """
    Raises:
        ConfigError: lines would be shown where nobody looks.
    """
    if fresh not in (begun, None) and fresh.startswith("discord:"):
        raise ConfigError(
            f"reins.approval_channel: {fresh} is not the one that this run began with; stop the "
            "run and start it again"
        )


def _web(
    settings: Settings,
    options: RunOptions,
    reins: Reins,
    store: Store,
    stop: Callable[[], None],
    game: Game | None,
) -> Platform:
    from botconvo.platforms.web.platform import WebPlatform

    web = settings.platforms.web or WebSettings()
    return WebPlatform(
        reins,
        host=web.host,
        port=web.port,
        avatars={
            PersonaName(p.name): p.avatar for p in settings.personas if isinstance(p.avatar, Path)
        },
        personas=[PersonaName(p.name) for p in settings.personas],
        open_browser=web.open_browser,
        channel_name=web.channel,
        seat=options.rehearsed.seat if options.rehearsed else None,
        title=web.title,
        game=game,
    )


def _console(
    settings: Settings,
    options: RunOptions,
    reins: Reins,
    store: Store,
    stop: Callable[[], None],
    game: Game | None,
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


def _discord(
    settings: Settings,
    options: RunOptions,
    reins: Reins,
    store: Store,
    stop: Callable[[], None],
    game: Game | None,
) -> Platform:
    from botconvo.build_discord import build_discord
    from botconvo.desk import OwnDesk
    from botconvo.forgetting import Project

    # A seeded run begins afresh everywhere, so nothing is taken up from earlier ones.
    kept = store if options.seed is None else None
    clock = options.rehearsed.clock if options.rehearsed else RealClock()
    # A rehearsal has a store of its own, and must not touch the owner's files.
    config = store.path.with_name("config.toml") if options.rehearsed else options.config
    project = Project(folder=store.path.parent, store=store.path, config=config)
    desk = OwnDesk(project=project, now=clock.now)
    return build_discord(settings, options.preset, kept, reins, desk, game)


_PLATFORMS: dict[
    str,
    Callable[[Settings, RunOptions, Reins, Store, Callable[[], None], Game | None], Platform],
] = {
    "web": _web,
    "console": _console,
    "discord": _discord,
}

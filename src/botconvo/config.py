"""config.toml under the environment: the only module that knows where settings come from.

The environment (``BOTCONVO_CONVERSATION__PRESET=classic``) goes above the file.  Secrets come from
the environment or from a ``.env`` file beside config.toml, never from config.toml itself.  What
``.env`` holds is read here and goes nowhere else: child processes do not see it.
"""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from botconvo.conversation.manners import Manners, manners, settable
from botconvo.conversation.reins import Law
from botconvo.environment import read_environment
from botconvo.errors import ConfigError
from botconvo.messages import AuthorId
from botconvo.people import speaker_name
from botconvo.personas import Sampling

__all__ = [
    "ConsoleSettings",
    "ConversationSettings",
    "DiscordChannelSettings",
    "DiscordSettings",
    "HostedModelSettings",
    "HostedSettings",
    "ModelServerSettings",
    "PersonSettings",
    "PersonaSettings",
    "PlatformSettings",
    "ReinsSettings",
    "Settings",
    "WebSettings",
    "load_settings",
    "token_variable",
]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


_ADDRESS = r"^https?://\S+$"


class SamplingSettings(_Table):
    """Overrides the preset's sampling for one persona."""

    temperature: Annotated[float, Field(ge=0.0, le=5.0)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0.0, le=10.0)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1024)] | None = None

    def value(self) -> Sampling:
        return Sampling(**self.model_dump())


class HostedModelSettings(_Table):
    """The model of a service with OpenAI's interface that a persona speaks through."""

    endpoint: Annotated[str, Field(pattern=_ADDRESS)]
    model: Annotated[str, Field(min_length=1)]
    form: Literal["chat", "completions", "window"] = "chat"
    """As it was tuned: ``--form`` of ``botconvo train``."""
    processor: str | None = None
    """What consents call the service; left out: the name of its host."""


class PersonaSettings(_Table):
    """One clone, here or hosted.  Adding a friend is adding one such table."""

    name: Annotated[str, Field(min_length=1, max_length=32)]
    checkpoint: Path | None = None
    hosted: HostedModelSettings | None = None
    avatar: Path | str | None = None
    """A picture file, or an https address, which Discord shows and the page does not."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The model server's port; a free one is taken where it is left out."""
    talkativeness: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """None: as its friend, where that was learned, else 0.5."""
    prompt_format: Literal["transcript", "plain", "ssi"] | None = None
    """What a clone of an earlier system has learned, where its tokenizer does not show it."""
    sampling: SamplingSettings = SamplingSettings()

    @field_validator("avatar")
    @classmethod
    def _is_a_file_or_an_address(cls, avatar: Path | str | None) -> Path | str | None:
        if isinstance(avatar, str) and "://" in avatar:
            if not avatar.startswith("https://"):
                raise ValueError("an address begins with https://; everything else is a file")
            return avatar
        return None if avatar is None else Path(avatar)

    @model_validator(mode="after")
    def _is_somewhere(self) -> "PersonaSettings":
        if (self.checkpoint is None) == (self.hosted is None):
            raise ValueError(
                "a persona has either a checkpoint, which is here, or a table 'hosted' with an "
                "endpoint and a model"
            )
        return self

    @field_validator("name")
    @classmethod
    def _fits_a_transcript(cls, name: str) -> str:
        if speaker_name(name) != name:
            raise ValueError("a name holds no colon, semicolon, backslash or line break")
        return name


class PersonSettings(_Table):
    """One human being and every author id that is theirs ("discord:1218...")."""

    name: Annotated[str, Field(min_length=1, max_length=32)]
    authors: list[str]


# Every number of Manners, typed as there and optional: the table of presets stays the one place.
_numbers: Any = {
    name: (hint | None, None)
    for name, hint in get_type_hints(Manners).items()
    if name in settable()
}
_Overrides: Any = create_model("_Overrides", __base__=_Table, **_numbers)


class ConversationSettings(_Overrides):  # type: ignore[misc]  # made from Manners above
    """A preset, and any of its numbers replaced (see ``conversation.manners``)."""

    preset: str = "group-chat"
    allowed_words: tuple[str, ...] = ()
    """Words that the word list may let pass."""
    bad_words: tuple[Annotated[str, Field(pattern=r"\S")], ...] = ()
    """Words that no clone may say."""

    def manners(
        self, preset: str | None = None, own: "ConversationSettings | None" = None
    ) -> Manners:
        """The numbers; ``preset`` replaces the file's, and a channel's ``own`` go above all.

        Raises:
            ConfigError: the preset does not exist, or a number is out of range.
        """
        numbers = self._numbers()
        if own is not None and "preset" in own.model_fields_set:
            preset, numbers = own.preset, {}
        return manners(preset or self.preset, numbers | (own._numbers() if own else {}))

    def _numbers(self) -> dict[str, Any]:
        without = {"preset", "allowed_words", "bad_words"}
        numbers: dict[str, Any] = self.model_dump(exclude_none=True, exclude=without)
        return numbers


class ReinsSettings(_Table):
    """What people may do to a talk (see ``conversation.reins``)."""

    kill_word: Annotated[str, Field(max_length=100)] = "bots stop"
    """Whoever writes it and nothing else silences the channel; "" switches it off."""
    delete_votes: Annotated[int, Field(ge=1)] = 2
    owners: tuple[Annotated[str, Field(pattern=r"^[a-z]+:\S+$")], ...] = ()
    """Authors ("discord:1218...") who may do everything."""
    curated: bool = False
    """Whether every line waits until somebody approves it."""
    approval_channel: Annotated[str, Field(pattern=r"^[a-z]+:\S+$")] | None = None
    """Where lines are shown and approved by an emoji; without it, on the page alone."""
    approval_minutes: Annotated[float, Field(gt=0, le=10_000)] = 60.0
    """Then a line that nobody has approved is dropped."""
    asks: Annotated[int, Field(ge=0)] = 6
    """How often a person may set a topic or ask a clone in ``asks_minutes``; 0: without end."""
    asks_minutes: Annotated[float, Field(gt=0, le=10_000)] = 10.0

    def law(self) -> Law:
        return Law(
            kill_word=self.kill_word,
            delete_votes=self.delete_votes,
            owners=frozenset(AuthorId(owner) for owner in self.owners),
            curated=self.curated,
            asks=self.asks,
            asks_within=timedelta(minutes=self.asks_minutes),
        )

    @property
    def approval(self) -> timedelta | None:
        """How long a line waits for approval; None where it does not."""
        return timedelta(minutes=self.approval_minutes) if self.curated else None


class WebSettings(_Table):
    """The page in the browser."""

    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8600
    """0 takes a free port."""
    channel: Annotated[str, Field(pattern=r"^[\w-]{1,32}$")] = "general"
    title: Annotated[str, Field(max_length=80)] = "BotConvo"
    open_browser: bool = True


class ConsoleSettings(_Table):
    """The terminal."""

    colour: Literal["auto", "always", "never"] = "auto"


Snowflake = Annotated[int, Field(ge=10**4, lt=2**63)]
"""A number by which Discord knows a channel, a thread, a server or a user."""


class DiscordChannelSettings(_Table):
    """A channel or thread that the clones talk in."""

    id: Snowflake
    personas: tuple[str, ...] | None = None
    """Who talks there; everybody where it is left out."""
    threads: bool = False
    """Whether they also talk in its threads, in each of its own."""
    listens_to: tuple[Snowflake, ...] = ()
    """Other channels whose people may be answered here."""
    conversation: ConversationSettings | None = None
    """Numbers of its own, above those of [conversation]."""

    @field_validator("conversation")
    @classmethod
    def _only_numbers(cls, own: ConversationSettings | None) -> ConversationSettings | None:
        if own is not None and {"allowed_words", "bad_words"} & own.model_fields_set:
            raise ValueError("words are allowed and forbidden for all channels: [conversation]")
        return own


class DiscordSettings(_Table):
    """Discord.  Tokens come from the environment: see .env.example."""

    identity: Literal["webhook", "accounts"] = "webhook"
    """One bot with a webhook's name and picture for each persona, or a bot for each persona."""
    channels: tuple[DiscordChannelSettings, ...] = ()
    direct_messages: bool = False
    api: Annotated[str, Field(pattern=r"^https?://\S+$")] = "https://discord.com/api/v10"
    gateway: Annotated[str, Field(pattern=r"^wss?://\S+$")] = "wss://gateway.discord.gg/"

    @field_validator("channels", mode="before")
    @classmethod
    def _numbers_are_channels(cls, channels: object) -> object:
        """``channels = [123, 456]`` is short for two tables with an id each."""
        if not isinstance(channels, list | tuple):
            return channels
        return [{"id": each} if isinstance(each, int | str) else each for each in channels]

    @model_validator(mode="after")
    def _makes_sense(self) -> "DiscordSettings":
        if not self.channels and not self.direct_messages:
            raise ValueError(
                "channels: there is none to talk in; right-click a channel in Discord (with "
                "developer mode on), 'Copy Channel ID', and put the number here"
            )
        numbers = [channel.id for channel in self.channels]
        twice = next((number for number in numbers if numbers.count(number) > 1), None)
        if twice is not None:
            raise ValueError(f"channels: {twice} stands there twice")
        return self


class PlatformSettings(_Table):
    """Where the clones talk; a table that is there switches its platform on."""

    web: WebSettings | None = None
    console: ConsoleSettings | None = None
    discord: DiscordSettings | None = None


class HostedSettings(_Table):
    """The service of ``botconvo train --engine hosted``.  The key comes from the environment."""

    endpoint: Annotated[str, Field(pattern=_ADDRESS)] = "https://api.openai.com/v1"
    base: str | None = None
    """The model to tune; left out: a small one of OpenAI's."""
    processor: str | None = None
    """What consents call the service; left out: the name of its host."""
    price: Annotated[float, Field(ge=0)] | None = None
    """Dollars for a million tokens of tuning, where they are not known."""
    poll_s: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """Seconds between two looks at a job."""


class ModelServerSettings(_Table):
    """How model servers are run."""

    context: Annotated[int, Field(ge=64, le=131072)] = 512
    """Tokens of prompt and completion together."""
    parallel: Annotated[int, Field(ge=1, le=64)] = 5
    """Completions drawn at once."""
    threads: Annotated[int, Field(ge=1)] | None = None
    precision: Literal["q8_0", "f16"] = "q8_0"
    """Of clones of earlier systems, which are converted once."""
    start_timeout_s: Annotated[float, Field(gt=0)] = 120.0


_SECRETS = ("BOTCONVO_MODEL_SERVER_TOKEN", "BOTCONVO_DISCORD_TOKEN", "BOTCONVO_HOSTED_KEY")
"""Variables of the environment that config.toml must not hold."""
_PERSONA_TOKEN = "BOTCONVO_DISCORD_TOKEN_"  # noqa: S105  (a name, and no secret)


def token_variable(persona: str) -> str:
    """The variable that holds the token of a persona's own account on Discord."""
    return _PERSONA_TOKEN + "".join(c if c.isalnum() else "_" for c in persona).upper()


class Settings(BaseSettings):
    """All settings.  Unknown keys are refused; values never stand in error texts."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="BOTCONVO_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    personas: list[PersonaSettings] = []
    people: list[PersonSettings] = []
    conversation: ConversationSettings = ConversationSettings()
    reins: ReinsSettings = ReinsSettings()
    platforms: PlatformSettings = PlatformSettings()
    model_server: ModelServerSettings = ModelServerSettings()
    hosted: HostedSettings = HostedSettings()
    spacy_pipeline: str = "auto"
    store: Path = Path("botconvo.sqlite3")
    model_server_token: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices(_SECRETS[0]))
    ] = None
    """Only from the environment; a fresh one is made for every run where it is missing."""
    discord_token: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices(_SECRETS[1]))
    ] = None
    discord_tokens: Annotated[
        dict[str, SecretStr], Field(validation_alias=AliasChoices(_PERSONA_TOKEN))
    ] = {}
    """Those of personas' own accounts, by their variables' names."""
    hosted_key: Annotated[SecretStr | None, Field(validation_alias=AliasChoices(_SECRETS[2]))] = (
        None
    )
    """Of the service that hosts models."""

    @field_validator("model_server_token", "hosted_key")
    @classmethod
    def _fits_a_header(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not all(33 <= ord(c) <= 126 for c in token.get_secret_value()):
            raise ValueError("a token holds letters, digits and signs of ASCII, and no spaces")
        return token

    @model_validator(mode="after")
    def _nothing_twice(self) -> "Settings":
        names: dict[str, int] = {}
        ports: dict[int, str] = {}
        for index, persona in enumerate(self.personas):
            folded = persona.name.casefold()
            if folded in names:
                raise ValueError(
                    f"personas[{index}].name: {persona.name!r} is already the name of "
                    f"personas[{names[folded]}]; give each persona its own name"
                )
            names[folded] = index
            if persona.port is not None and persona.port in ports:
                raise ValueError(
                    f"personas[{index}].port: {persona.port} is already used by "
                    f"{ports[persona.port]!r}; give each persona its own port, or leave it out"
                )
            if persona.port is not None:
                ports[persona.port] = persona.name
        return self

    def relative_to(self, folder: Path) -> "Settings":
        """The same with every path made absolute, seen from ``folder``."""
        personas = [
            persona.model_copy(
                update={
                    "checkpoint": None
                    if persona.checkpoint is None
                    else folder / persona.checkpoint.expanduser(),
                    "avatar": folder / persona.avatar.expanduser()
                    if isinstance(persona.avatar, Path)
                    else persona.avatar,
                }
            )
            for persona in self.personas
        ]
        # A spaCy pipeline may be named or be a folder.
        pipeline = folder / Path(self.spacy_pipeline).expanduser()
        changed = {
            "personas": personas,
            "store": folder / self.store.expanduser(),
            "spacy_pipeline": str(pipeline) if pipeline.is_dir() else self.spacy_pipeline,
        }
        return self.model_copy(update=changed)


def load_settings(path: Path, *, required: bool = True) -> Settings:
    """Read config.toml, with the environment above it and ``.env`` beside it.

    Without the file there are the defaults, unless it is ``required``.

    Raises:
        ConfigError: one line: the file, the key, what is wrong with it.
    """
    if required and not path.is_file():
        raise ConfigError(
            f"{path}: there is no such file; run 'botconvo init' to write one, "
            "or name another with --config"
        )
    source = _Sources(path)
    try:
        settings = source.read().relative_to(path.parent.resolve())
        settings.conversation.manners()
    except ValidationError as error:
        raise ConfigError(source.explain(error)) from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except (ValueError, OSError, RuntimeError) as error:  # torn, unreadable, "~nobody/clone"
        raise ConfigError(f"{path}: {error}") from None
    return settings


class _Sources:
    """One reading of config.toml and the environment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._environment = read_environment(path.parent)
        self._from_environment: dict[str, Any] = {}

    def read(self) -> Settings:
        sources = self

        class FromFile(Settings):
            @classmethod
            def settings_customise_sources(
                cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                return sources._of(settings_cls)

        return FromFile()

    def _of(self, settings: type[BaseSettings]) -> tuple[PydanticBaseSettingsSource, ...]:
        environment = EnvSettingsSource(settings)
        environment.env_vars = {k.lower(): v for k, v in self._environment.items()}
        self._from_environment = environment()
        there = self._path.is_file()  # or nobody needs it
        data = tomllib.loads(self._path.read_text(encoding="utf-8-sig")) if there else {}
        for key in data:
            if key.upper().startswith(_SECRETS):
                raise ValueError(f"{key.upper()}: secrets do not belong here; put it into .env")
        tokens = {
            name.upper(): token
            for name, token in self._environment.items()
            if name.upper().startswith(_PERSONA_TOKEN) and token
        }
        return environment, InitSettingsSource(settings, data | {_PERSONA_TOKEN: tokens})

    def explain(self, error: ValidationError) -> str:
        """The first error as a line: file, key, reason.  No values: they may be secret."""
        first = error.errors(include_input=False, include_url=False)[0]
        location = first["loc"]
        source = "the environment" if self._is_from_environment(location) else self._path
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            reason = "there is no such setting; check the spelling, or remove it"
        more = error.error_count() - 1
        others = f" (and {more} more)" if more else ""
        return f"{source}: {_dotted(location)}{reason}{others}"

    def _is_from_environment(self, location: tuple[Any, ...]) -> bool:
        inside: Any = self._from_environment
        for part in location:
            try:
                inside = inside[part]
            except (KeyError, IndexError, TypeError):
                return False
        return bool(location)


def _dotted(location: tuple[Any, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return f"{text.lstrip('.')}: " if text else ""

"""config.toml under the environment: what is read, what is refused, and what is never told."""

import os
import re
from collections.abc import Iterator
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import pytest
from dotenv import dotenv_values

from botconvo.config import (
    ConversationSettings,
    DiscordChannelSettings,
    DiscordSettings,
    Settings,
    load_settings,
    token_variable,
)
from botconvo.conversation.manners import PRESETS, Manners
from botconvo.conversation.reins import Law
from botconvo.environment import read_environment
from botconvo.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
SECRET = "s3cr3t-t0ken-0f-nob0dy"
TWO = """\
[[personas]]
name = "Bort"
checkpoint = "checkpoints/bort"

[[personas]]
name = "Juno"
checkpoint = "/elsewhere/juno"
avatar = "juno.png"
talkativeness = 0.9
sampling = { temperature = 1.1 }
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment without anything of BotConvo's in it; tests add to it."""
    for name in [name for name in os.environ if name.startswith("BOTCONVO_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def config(folder: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding=encoding)
    return path


def load(folder: Path, text: str) -> Settings:
    return load_settings(config(folder, text))


def refused(folder: Path, text: str) -> str:
    """The line that says what is wrong with this config.toml."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_personas_are_read_with_their_own_settings(tmp_path: Path) -> None:
    bort, juno = load(tmp_path, TWO).personas
    assert (bort.name, bort.port, bort.talkativeness) == ("Bort", None, None)
    assert (juno.talkativeness, juno.sampling.value().temperature) == (0.9, 1.1)
    assert juno.sampling.value().top_p is None, "what is not said is left to the preset"


def test_paths_are_seen_from_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, 'store = "here.sqlite3"\n' + TWO)
    bort, juno = settings.personas
    assert bort.checkpoint == tmp_path / "checkpoints" / "bort"
    assert juno.checkpoint == Path("/elsewhere/juno").absolute()
    assert juno.avatar == tmp_path / "juno.png"
    assert settings.store == tmp_path / "here.sqlite3"


def test_a_spacy_pipeline_is_a_name_or_a_folder_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "phrases").mkdir()
    assert load(tmp_path, 'spacy_pipeline = "phrases"').spacy_pipeline == str(tmp_path / "phrases")
    assert load(tmp_path, 'spacy_pipeline = "de_core_news_sm"').spacy_pipeline == "de_core_news_sm"


def test_a_file_as_windows_writes_it_is_read(tmp_path: Path) -> None:
    path = config(tmp_path, TWO.replace("\n", "\r\n"), encoding="utf-8-sig")
    (tmp_path / ".env").write_text(f"BOTCONVO_MODEL_SERVER_TOKEN={SECRET}\n", encoding="utf-8-sig")
    settings = load_settings(path)
    assert [persona.name for persona in settings.personas] == ["Bort", "Juno"]
    assert settings.model_server_token is not None


def test_a_missing_file_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml: there is no such file.*botconvo init"):
        load_settings(tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[conversation\n", r"config\.toml: .*line 1"),
        ("conversations = 1", r"config\.toml: conversations: there is no such setting"),
        (TWO + 'colour = "red"', r"personas\[1\]\.colour: there is no such setting"),
        (TWO + "sampling.heat = 1", r"config\.toml: "),
        ("[platforms.web]\nprot = 1", r"platforms\.web\.prot: there is no such setting"),
        ("[platforms.irc]", r"platforms\.irc: there is no such setting"),
        ("[conversation]\ngaps = [1, 2]", r"conversation\.gaps: there is no such setting"),
        ("[conversation]\ngap_s = 3", r"conversation\.gap_s"),
        ("[conversation]\ngap_s = [3]", r"conversation\.gap_s"),
        ("[conversation]\ngap_s = [3, 1]", r"conversation\.gap_s = \[3\.0, 1\.0\]"),
        ("[conversation]\ngap_s = [0, inf]", r"conversation\.gap_s"),
        ("[conversation]\ngap_s = [nan, nan]", r"conversation\.gap_s"),
        ("[conversation]\nretry_s = 1e300", r"conversation\.retry_s"),
        ("[conversation]\ntemperature = [0.5, 9.0]", r"conversation\.temperature"),
        ("[conversation]\nsamples = 65", r"conversation\.samples"),
        ("[conversation]\ntop_p = 0", r"conversation\.top_p"),
        ("[conversation]\nturn_limit = -1", r"conversation\.turn_limit"),
        ('[conversation]\nchoose = "shortest"', r"conversation\.choose"),
        ('[conversation]\npreset = "polite"', r"config\.toml: preset 'polite' does not exist"),
        (
            TWO.replace('"Juno"', '"bort"'),
            r"personas\[1\]\.name: 'bort' is already .*personas\[0\]",
        ),
        (TWO.replace('"Juno"', '"Ju:no"'), r"personas\[1\]\.name: a name holds no colon"),
        (TWO.replace('"Juno"', '""'), r"personas\[1\]\.name"),
        (TWO.replace("0.9", "1.5"), r"personas\[1\]\.talkativeness"),
        (TWO.replace("1.1", "nan"), r"personas\[1\]\.sampling\.temperature"),
        (TWO.replace('"checkpoints/bort"', '"~nobody-at-all/x"'), r"config\.toml: .*home"),
        ("[model_server]\nparallel = 0", r"model_server\.parallel"),
        ("[reins]\ndelete_votes = 0", r"reins\.delete_votes"),
        ('[reins]\nowners = ["Ann"]', r"reins\.owners\[0\]"),
        ('[reins]\napproval_channel = "here"', r"reins\.approval_channel"),
        ("[reins]\napproval_minutes = 0", r"reins\.approval_minutes"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(tmp_path: Path, text: str, told: str) -> None:
    assert re.search(told, refused(tmp_path, text)), refused(tmp_path, text)


def test_a_port_that_two_personas_want_is_named_with_its_first_owner(tmp_path: Path) -> None:
    text = TWO.replace("[[personas]]", "[[personas]]\nport = 8001")
    assert re.search(
        r"personas\[1\]\.port: 8001 is already used by 'Bort'", refused(tmp_path, text)
    )


def test_several_errors_are_counted_and_the_first_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path, "one = 1\ntwo = 2").endswith("(and 1 more)")


def test_a_file_that_is_not_text_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"store = '\xff\xfe'")
    with pytest.raises(ConfigError, match=r"config\.toml: "):
        load_settings(path)


def test_the_environment_goes_above_the_file(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("BOTCONVO_CONVERSATION__PRESET", "classic")
    environment.setenv("BOTCONVO_CONVERSATION__GAP_S", "[1, 2]")
    environment.setenv("BOTCONVO_CONVERSATION__SAMPLES", "3")
    settings = load(tmp_path, '[conversation]\npreset = "group-chat"\nfresh_share = 0.5\n')
    manners = settings.conversation.manners()
    assert manners.speakers == "uniform"
    assert (manners.gap_s, manners.samples, manners.fresh_share) == ((1.0, 2.0), 3, 0.5)


def test_a_wrong_variable_is_told_as_the_environments(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("BOTCONVO_CONVERSATION__SAMPLES", "many")
    told = refused(tmp_path, "[conversation]\n")
    assert told.startswith("the environment: conversation.samples: ")


def test_the_environment_goes_above_dot_env_and_dot_env_above_the_file(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "BOTCONVO_SPACY_PIPELINE=bundled\nBOTCONVO_STORE=env.sqlite3\nANOTHER_TOKEN=x\n",
        encoding="utf-8",
    )
    environment.setenv("BOTCONVO_STORE", "above.sqlite3")
    settings = load(tmp_path, 'spacy_pipeline = "auto"\nstore = "file.sqlite3"')
    assert settings.spacy_pipeline == "bundled"
    assert settings.store == tmp_path / "above.sqlite3"


def test_what_dot_env_holds_stays_out_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"BOTCONVO_MODEL_SERVER_TOKEN={SECRET}\n", encoding="utf-8")
    token = load(tmp_path, "").model_server_token
    assert token is not None
    assert token.get_secret_value() == SECRET
    assert SECRET not in os.environ.values()
    assert read_environment(tmp_path)["BOTCONVO_MODEL_SERVER_TOKEN"] == SECRET


def test_a_changed_dot_env_is_read_anew(tmp_path: Path) -> None:
    for store in ("one.sqlite3", "two.sqlite3"):
        (tmp_path / ".env").write_text(f"BOTCONVO_STORE={store}\n", encoding="utf-8")
        assert load(tmp_path, "").store == tmp_path / store


def test_a_dot_env_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"BOTCONVO_STORE=\xff\n")
    assert re.search(r"\.env: cannot be read: it is not UTF-8", refused(tmp_path, ""))


@pytest.mark.parametrize("key", ["model_server_token", "BOTCONVO_MODEL_SERVER_TOKEN"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    told = refused(tmp_path, f'{key} = "{SECRET}"')
    assert SECRET not in told
    assert key in told


def test_a_secret_never_stands_in_an_error_or_a_representation(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("BOTCONVO_MODEL_SERVER_TOKEN", SECRET)
    settings = load(tmp_path, "")
    assert settings.model_server_token is not None
    assert SECRET not in repr(settings) + str(settings)
    for wrong in ("unknown = 1", "[conversation]\nsamples = 0", "[[personas]]\nname = 1", "["):
        assert SECRET not in refused(tmp_path, wrong)


@pytest.mark.parametrize("token", ["two words", f"{SECRET}é", f"{SECRET}\n"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_repeated(
    tmp_path: Path, environment: pytest.MonkeyPatch, token: str
) -> None:
    environment.setenv("BOTCONVO_MODEL_SERVER_TOKEN", token)
    told = refused(tmp_path, "")
    assert told.startswith("the environment: BOTCONVO_MODEL_SERVER_TOKEN: ")
    assert token not in told
    assert SECRET not in told


# The examples


def uncommented(text: str) -> str:
    """The example with every setting that is commented out taken up."""
    return re.sub(r"^# (?=[a-z_]+ = |\[)", "", text, flags=re.MULTILINE)


def assigned(text: str) -> Iterator[str]:
    """Every setting that the example names."""
    for match in re.finditer(r"^(?:# )?([a-z_]+) = ", text, re.MULTILINE):
        yield match[1]


EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", [EXAMPLE, uncommented(EXAMPLE)], ids=["as it is", "uncommented"])
def test_the_example_is_a_config(tmp_path: Path, text: str) -> None:
    settings = load(tmp_path, text)
    assert settings.platforms.web is not None


def test_every_setting_of_the_example_is_taken_up_when_it_is_uncommented(tmp_path: Path) -> None:
    settings = load(tmp_path, uncommented(EXAMPLE))
    assert [persona.name for persona in settings.personas] == ["Bort", "Juno"]
    assert settings.personas[1].hosted is not None
    assert settings.personas[0].port == 8001
    assert settings.people[0].authors
    assert settings.conversation.allowed_words == ("damn",)
    assert settings.conversation.bad_words == ("Voldemort",)
    assert settings.platforms.console is not None
    assert settings.reins.law().owners == {"discord:1218000000000000010"}
    assert settings.platforms.discord is not None
    assert settings.platforms.discord.channels[0].personas == ("Bort",)
    assert "# [" not in uncommented(EXAMPLE)


def test_the_example_says_the_defaults(tmp_path: Path) -> None:
    shown, default = load(tmp_path, uncommented(EXAMPLE)), load(tmp_path, "[platforms.web]\n")
    assert (shown.spacy_pipeline, shown.store) == (default.spacy_pipeline, default.store)
    assert shown.platforms.web == default.platforms.web
    examples = {"owners": default.reins.owners, "approval_channel": None}
    assert shown.reins.model_copy(update=examples) == default.reins
    assert default.reins.law() == Law()
    assert default.reins.approval is None
    discord = shown.platforms.discord
    assert discord is not None
    (channel,) = discord.channels
    assert discord == DiscordSettings(channels=(channel,))
    unset = {"personas": None, "conversation": None}
    assert channel.model_copy(update=unset) == DiscordChannelSettings(id=channel.id)
    named = {"base": None, "processor": None, "price": None}
    assert shown.hosted.model_copy(update=named) == default.hosted
    assert shown.model_server.start_timeout_s == default.model_server.start_timeout_s
    plain = PRESETS["group-chat"]
    for name in {field.name for field in fields(Manners)} & set(assigned(EXAMPLE)) - {"turn_limit"}:
        assert getattr(shown.conversation.manners(), name) == getattr(plain, name), name


def test_a_persona_is_either_here_or_at_a_service(tmp_path: Path) -> None:
    hosted = '[personas.hosted]\nendpoint = "https://a.example/v1"\nmodel = "m"\n'
    for table in ("", f'checkpoint = "x"\n{hosted}'):
        with pytest.raises(ConfigError, match="either a checkpoint, which is here, or"):
            load(tmp_path, f'[[personas]]\nname = "Bort"\n{table}')
    with pytest.raises(ConfigError, match="secrets do not belong here"):
        load(tmp_path, 'botconvo_hosted_key = "sk"\n')


def test_init_writes_the_example() -> None:
    template = (files("botconvo") / "templates" / "config.toml").read_text(encoding="utf-8")
    assert template == EXAMPLE


def test_the_example_of_dot_env_names_the_secrets_and_holds_none(tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert (files("botconvo") / "templates" / "env").read_text(encoding="utf-8") == example
    (tmp_path / ".env").write_text(
        re.sub(r"^# (?=BOTCONVO_)", "", example, flags=re.MULTILINE), encoding="utf-8"
    )
    names = ("MODEL_SERVER_TOKEN", "DISCORD_TOKEN", "DISCORD_TOKEN_BORT", "HOSTED_KEY")
    assert dotenv_values(tmp_path / ".env") == {f"BOTCONVO_{name}": "" for name in names}
    settings = load(tmp_path, "")
    assert not settings.model_server_token
    assert not settings.discord_token
    assert settings.discord_tokens == {}, "what is empty is not there"


DISCORD = "[platforms.discord]\nchannels = [1218000000000000001]\n"


def test_a_channel_is_a_number_or_a_table(tmp_path: Path) -> None:
    short = load(tmp_path, DISCORD).platforms.discord
    table = load(
        tmp_path,
        "[[platforms.discord.channels]]\nid = 1218000000000000001\nlistens_to = [12345]\n"
        "conversation = { preset = 'classic' }\n",
    ).platforms.discord
    assert short is not None
    assert table is not None
    assert short.channels[0].id == table.channels[0].id
    assert table.channels[0].listens_to == (12345,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[platforms.discord]\n", "channels: there is none to talk in"),
        ("[platforms.discord]\nchannels = [12345, 12345]\n", "12345 stands there twice"),
        ("[platforms.discord]\nchannels = ['general']\n", "channels[0].id: Input should be"),
        (DISCORD + "token = 'x'\n", "platforms.discord.token: there is no such setting"),
        (DISCORD + "api = 'discord'\n", "platforms.discord.api: String should match"),
        ("BOTCONVO_DISCORD_TOKEN_BORT = 'x'\n", "secrets do not belong here"),
        (
            "[[platforms.discord.channels]]\nid = 12345\nconversation = { bad_words = ['a'] }\n",
            "words are allowed and forbidden for all channels",
        ),
        (
            "[[personas]]\nname = 'Bort'\ncheckpoint = 'x'\navatar = 'http://a.b/c.png'\n",
            "an address begins with https://",
        ),
    ],
)
def test_discord_settings_that_cannot_be_meant_are_refused(
    text: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    assert told in str(error.value)


def test_tokens_come_from_the_environment_and_are_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTCONVO_DISCORD_TOKEN", "one.two.three")
    (tmp_path / ".env").write_text(f"{token_variable('Bort B')}=four.five.six\n", "utf-8")
    settings = load(tmp_path, DISCORD)
    assert settings.discord_token is not None
    assert settings.discord_token.get_secret_value() == "one.two.three"
    (token,) = settings.discord_tokens.items()
    assert (token[0], token[1].get_secret_value()) == (
        "BOTCONVO_DISCORD_TOKEN_BORT_B",
        "four.five.six",
    )
    assert "two" not in repr(settings)
    assert "five" not in repr(settings)


def test_a_channels_own_numbers_go_above_the_talks() -> None:
    talk = ConversationSettings(samples=3, gap_s=(1.0, 2.0))
    own = ConversationSettings(gap_s=(5.0, 6.0))
    assert (talk.manners(None, own).samples, talk.manners(None, own).gap_s) == (3, (5.0, 6.0))
    classic = ConversationSettings(preset="classic")
    assert talk.manners("group-chat", classic) == classic.manners()

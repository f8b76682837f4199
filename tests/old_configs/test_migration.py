"""Configurations of the earlier systems become a config.toml that loads, and nothing is lost."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli.typing_in import Done, typed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botconvo.config import Settings, load_settings
from botconvo.errors import ConfigError
from botconvo.old_configs.migration import migrate

SECRET = "n0body-may-s33-this"
APPSETTINGS: dict[str, Any] = {
    "BotConvo": {
        "CheckpointDir": "runs",
        "ModelDir": "models",
        "DiscordChannelId": 123456789012345678,
        "DiscordBotToken": SECRET,
        "Bots": [
            {"name": "Bort", "checkpointName": "run_bort", "port": 8000},
            {"name": "Juno", "checkpointName": "run_juno", "port": 8001},
        ],
    }
}
FRIENDS: dict[str, Any] = {
    "training": {
        "model_name": "gpt2",
        "train_dir": "t.txt",
        "eval_dir": "e.txt",
        "usernames_dir": "u.txt",
        "block_size": 256,
        "plm_probability": 0.166,
        "output_dir": "Trained",
        "overwrite_output_dir": False,
        "gradient_accumulation_steps": 16,
        "no_cuda": False,
        "num_train_epochs": 3.0,
    },
    "generation": {
        "model_name": "Trained",
        "seed": 42,
        "input_string": "<Bort> hello",
        "bad_words": ["<Ann>", " potato ", 'say "it"', "potato"],
    },
}
HOT_SHOT: dict[str, Any] = {
    "bot_username": "Kettle-Bot",
    "bot_subreddit": "kettles",
    "bot_backstory": "A thread about kettles.",
    "reddit_pass_var": "KETTLE_PASS",
    "HF_key_var": "KETTLE_HF",
    "post_frequency": 0,
    "post_textgen_model": "somebody/kettles",
    "post_textgen_parameters": {
        "max_new_tokens": 250,
        "num_return_sequences": 2,
        "temperature": 0.8,
        "top_k": 40,
        "repetition_penalty": 1.08,
        "stop_token": "<|endoftext|>",
    },
    "reply_textgen_model": "somebody/large",
    "reply_textgen_parameters": {"temperature": 0.7, "max_new_tokens": 100, "top_p": 0.9},
    "reply_chance": 0.1,
    "trigger_words": ["who", "what"],
    "max_levels": 6,
    "character_budget": 30000,
    "negative_keywords": ["tea"],
    "toxicity_threshold": 0.9,
}
SYSTEMS = {"BotConvo": APPSETTINGS, "FriendSimulator": FRIENDS, "Hot-Shot Bots": HOT_SHOT}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BOTCONVO_")]:
        monkeypatch.delenv(name)


def old_file(folder: Path, values: object, name: str = "old") -> Path:
    path = folder / name
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def migrated(folder: Path, old: Path) -> tuple[Settings, Done]:
    """The settings that come out, read as a run reads them, and what was told."""
    new = folder / "config.toml"
    done = typed("migrate-config", old, "--output", new)
    assert done.code == 0, done.err
    return load_settings(new), done


def told(done: Done, old: Path) -> dict[str, str]:
    """Every key that was left out with its reason; each on a line of its own."""
    rows = [row.removeprefix(f"{old}: ") for row in done.err.splitlines()]
    assert done.err == "".join(f"{old}: {row}\n" for row in rows)
    found: dict[str, str] = {}
    for row in rows:
        key, _, reason = row.partition(": ")
        found[key] = reason
    return found


# BotConvo


def test_botconvos_bots_become_personas_of_the_classic_preset(tmp_path: Path) -> None:
    found, done = migrated(tmp_path, old_file(tmp_path, APPSETTINGS))
    assert found.conversation.preset == "classic"
    assert [(p.name, p.checkpoint, p.port) for p in found.personas] == [
        ("Bort", tmp_path / "runs" / "run_bort", 8000),
        ("Juno", tmp_path / "runs" / "run_juno", 8001),
    ]
    assert "config.toml is written" in done.out
    assert "2 personas, preset classic" in done.out


@pytest.mark.parametrize("number", [1218000000000000001, "1218000000000000001"])
def test_they_talk_in_the_channel_that_they_talked_in(tmp_path: Path, number: object) -> None:
    old = old_file(tmp_path, {"BotConvo": {**APPSETTINGS["BotConvo"], "DiscordChannelId": number}})
    found, _ = migrated(tmp_path, old)
    assert found.platforms.discord is not None
    assert [channel.id for channel in found.platforms.discord.channels] == [1218000000000000001]


def test_a_channel_that_is_none_is_told(tmp_path: Path) -> None:
    old = old_file(tmp_path, {"BotConvo": {**APPSETTINGS["BotConvo"], "DiscordChannelId": "#x"}})
    found, done = migrated(tmp_path, old)
    assert found.platforms.discord is None
    assert "no number of a channel" in told(done, old)["BotConvo.DiscordChannelId"]


def test_what_has_no_equivalent_is_listed_and_a_secret_is_nowhere(tmp_path: Path) -> None:
    values = {**APPSETTINGS, "Logging": {"LogLevel": {"Default": "x"}}, "AllowedHosts": SECRET}
    old = old_file(tmp_path, values)
    _, done = migrated(tmp_path, old)
    reasons = told(done, old)
    assert list(reasons) == [
        "BotConvo.ModelDir",
        "BotConvo.DiscordBotToken",
        "Logging.LogLevel.Default",
        "AllowedHosts",
    ]
    assert "BOTCONVO_DISCORD_TOKEN" in reasons["BotConvo.DiscordBotToken"]
    assert ".env" in reasons["BotConvo.DiscordBotToken"]
    assert SECRET not in (tmp_path / "config.toml").read_text("utf-8") + done.out + done.err


def test_json_as_dotnet_reads_it_is_read(tmp_path: Path) -> None:
    old = tmp_path / "appsettings.json"
    text = """\
    /* all "of" it */ { // mine
      "botconvo": {
        "checkpointdir": "C:\\\\GPT // 2\\\\runs\\\\", "BOTS": [
          { "Name": "Bort", "CheckpointName": "run, }1", "Port": "8000", }, // a string
        ], },
    }
    """
    old.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    found, done = migrated(tmp_path, old)
    [bort] = found.personas
    assert (bort.name, bort.port) == ("Bort", 8000)
    assert bort.checkpoint is not None
    assert bort.checkpoint.as_posix().endswith("C:/GPT // 2/runs/run, }1".replace("//", "/"))
    assert done.err == ""


def test_a_file_of_notepads_unicode_is_read(tmp_path: Path) -> None:
    old = tmp_path / "appsettings.json"
    old.write_text(json.dumps(APPSETTINGS), encoding="utf-16")
    assert len(migrated(tmp_path, old)[0].personas) == 2


def test_paths_are_seen_from_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "old" / "deep").mkdir(parents=True)
    (tmp_path / "new").mkdir()
    found, _ = migrated(tmp_path / "new", old_file(tmp_path / "old" / "deep", APPSETTINGS))
    where = found.personas[0].checkpoint
    assert where is not None
    assert where.resolve() == (tmp_path / "old" / "deep" / "runs" / "run_bort").resolve()


@pytest.mark.parametrize(
    ("folder", "where"),
    [
        ("C:\\GPT2\\runs", "C:/GPT2/runs/run_bort"),
        ("/srv/runs/", "/srv/runs/run_bort"),
        ("\\\\box\\share", "//box/share/run_bort"),
        ("", "checkpoint/run_bort"),
    ],
)
def test_absolute_paths_stay_and_a_missing_folder_is_gpt_2_simples(
    tmp_path: Path, folder: str, where: str
) -> None:
    values = {"BotConvo": {**APPSETTINGS["BotConvo"], "CheckpointDir": folder}}
    new = tmp_path / "new"
    new.mkdir()
    migrate(old_file(new, values), new / "config.toml")
    assert f'checkpoint = "{where}"' in (new / "config.toml").read_text("utf-8")


def bots(*rows: object) -> dict[str, Any]:
    return {"BotConvo": {"CheckpointDir": "runs", "Bots": list(rows)}}


def test_bots_that_do_not_fit_are_told_and_the_others_stay(tmp_path: Path) -> None:
    old = old_file(
        tmp_path,
        bots(
            {"name": "Bort", "checkpointName": "a", "port": 8000},
            {"name": "bort", "checkpointName": "b"},
            {"name": "The: one\n", "checkpointName": "c", "port": 8000},
            {"name": "No port", "checkpointName": "d", "port": 70000},
            {"name": "No run"},
            {"checkpointName": "e"},
            {"name": "x" * 40, "checkpointName": "f", "hat": "red"},
            "nonsense",
        ),
    )
    found, done = migrated(tmp_path, old)
    assert [(p.name, p.port) for p in found.personas] == [
        ("Bort", 8000),
        ("The one", None),
        ("No port", None),
        ("x" * 32, None),
    ]
    assert list(told(done, old)) == [
        "BotConvo.Bots[1]",
        "BotConvo.Bots[2].name",
        "BotConvo.Bots[2].port",
        "BotConvo.Bots[3].port",
        "BotConvo.Bots[4].checkpointName",
        "BotConvo.Bots[5].name",
        "BotConvo.Bots[6].name",
        "BotConvo.Bots[6].hat",
        "BotConvo.Bots[7]",
    ]


def test_whose_clones_they_are_is_to_be_said_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old one").mkdir()
    monkeypatch.chdir(tmp_path)
    values = bots({"name": "Bort", "checkpointName": "a"}, {"name": "Ann B", "checkpointName": "b"})
    old = old_file(Path("old one"), values)
    bort = 'botconvo consent grant Bort --adult --checkpoint "old one/runs/a"'
    ann = 'botconvo consent grant "Ann B" --adult --checkpoint "old one/runs/b"'
    said = typed("migrate-config", old).out.splitlines()
    assert [row.strip() for row in said if "consent" in row] == [bort, ann]
    said = typed("migrate-config", old, "--output", "old one/config.toml").out.splitlines()
    assert f'    {bort} --project "old one"' in said
    migrate(old_file(tmp_path, FRIENDS), tmp_path / "friends.toml")
    done = typed("migrate-config", "old", "--output", "more.toml")
    assert "botconvo consent grant NAME --adult --checkpoint Trained\n" in done.out


def test_without_bots_that_is_told(tmp_path: Path) -> None:
    old = old_file(tmp_path, bots())
    found, done = migrated(tmp_path, old)
    assert found.personas == []
    assert "[[personas]]" in told(done, old)["BotConvo.Bots"]


# FriendSimulator


def test_friend_simulators_yaml_becomes_the_numbers_of_a_talk(tmp_path: Path) -> None:
    old = tmp_path / "config.yaml"
    old.write_text(yaml.safe_dump(FRIENDS), encoding="utf-8")
    found, done = migrated(tmp_path, old)
    numbers = found.conversation.manners()
    assert numbers.temperature == (0.4, 0.4)
    assert (numbers.top_k, numbers.top_p, numbers.repetition_penalty) == (50, 0.95, 1.15)
    assert (numbers.samples, found.conversation.preset) == (2, "friend-simulator")
    assert found.conversation.bad_words == ("potato", 'say "it"')
    assert found.personas == [], "whoever is in the model has to agree first"
    text = (tmp_path / "config.toml").read_text("utf-8")
    assert '# [[personas]]\n# name = "NAME"\n# checkpoint = "Trained"\n' in text
    assert set(told(done, old)) == {
        "generation.seed",
        "generation.input_string",
        "generation.bad_words",
        *(f"training.{key}" for key in FRIENDS["training"] if key != "output_dir"),
    }


def test_what_it_sketches_is_a_persona_when_it_is_completed(tmp_path: Path) -> None:
    migrated(tmp_path, old_file(tmp_path, FRIENDS))
    new = tmp_path / "config.toml"
    head, sketch = new.read_text("utf-8").split("to be cloned:\n")
    new.write_text(head + "cloned:\n" + sketch.replace("# ", ""), encoding="utf-8")
    [persona] = load_settings(new).personas
    assert (persona.name, persona.checkpoint) == ("NAME", tmp_path / "Trained")


def test_the_numbers_of_a_conversation_go_above_those_of_single_texts(tmp_path: Path) -> None:
    values = {
        "conversation": {"model_name": "A", "temperature": 0.3, "max_length": 128},
        "generation": {"model_name": "B", "temperature": "0.9", "top_k": "30"},
    }
    old = old_file(tmp_path, values)
    found, done = migrated(tmp_path, old)
    numbers = found.conversation.manners()
    assert (numbers.temperature, numbers.top_k) == ((0.3, 0.3), 30)
    assert list(told(done, old)) == [
        "conversation.max_length",
        "generation.model_name",
        "generation.temperature",
    ]


def test_its_older_json_is_read(tmp_path: Path) -> None:
    values = {
        "model_type": "gpt2",
        "model_name_or_path": "Blocks/",
        "temperature": 3e-1,
        "repetition_penalty": 12e-1,
        "k": 40,
        "length": 128,
        "seed": 7,
        "num_return_sequences": 4,
        "no_cuda": 1,
    }
    old = old_file(tmp_path, values)
    found, done = migrated(tmp_path, old)
    numbers = found.conversation.manners()
    assert (numbers.temperature, numbers.max_tokens) == ((0.3, 0.3), (128, 128))
    assert (numbers.top_k, numbers.repetition_penalty, numbers.samples) == (40, 1.2, 4)
    assert '# checkpoint = "Blocks/"' in (tmp_path / "config.toml").read_text("utf-8")
    assert list(told(done, old)) == ["model_type", "seed", "no_cuda"]


def test_its_older_json_of_training_is_read(tmp_path: Path) -> None:
    values = {
        "model_type": "gpt2",
        "model_name_or_path": "gpt2",
        "output_dir": "Kettle",
        "train_data_file": "t.txt",
        "eval_data_file": "e.txt",
        "save_steps": 10,
    }
    old = old_file(tmp_path, values)
    _, done = migrated(tmp_path, old)
    assert '# checkpoint = "Kettle"' in (tmp_path / "config.toml").read_text("utf-8")
    assert set(told(done, old)) == set(values) - {"output_dir"}


# Hot-Shot Bots


def test_hot_shots_yaml_becomes_numbers_and_the_sketch_of_a_persona(tmp_path: Path) -> None:
    old = tmp_path / "bot_config.yaml"
    old.write_text(yaml.safe_dump(HOT_SHOT, sort_keys=False), encoding="utf-8")
    found, done = migrated(tmp_path, old)
    numbers = found.conversation.manners()
    assert (numbers.temperature, numbers.max_tokens) == ((0.8, 0.8), (250, 250))
    assert (numbers.top_k, numbers.top_p, numbers.repetition_penalty) == (40, 0.9, 1.08)
    assert (numbers.samples, numbers.context_lines) == (2, 6)
    assert found.conversation.bad_words == ("tea",)
    assert '# name = "Kettle-Bot"' in (tmp_path / "config.toml").read_text("utf-8")
    taken = {"bot_username", "max_levels", "negative_keywords"}
    taken |= {"post_textgen_parameters", "reply_textgen_parameters"}
    reasons = told(done, old)
    assert set(reasons) == (set(HOT_SHOT) - taken) | {
        "post_textgen_parameters.stop_token",
        "reply_textgen_parameters.temperature",
        "reply_textgen_parameters.max_new_tokens",
    }
    assert all(reason != "has no equivalent" for reason in reasons.values())
    assert ".env" in reasons["HF_key_var"]


# anything


@pytest.mark.parametrize(("system", "values"), SYSTEMS.items())
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_the_system_is_told_by_the_content(
    tmp_path: Path, system: str, values: dict[str, Any], form: str
) -> None:
    old = tmp_path / "whatever.txt"
    old.write_text(json.dumps(values) if form == "json" else yaml.safe_dump(values), "utf-8")
    assert f"a configuration of {system}" in migrated(tmp_path, old)[1].out


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["0.5", "1e999", "10", "", " ", "a\nb = 1", '"""', "\x1b[2J", "9" * 400]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def leaves(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for key, value in values.items():
        found += leaves(value, (*path, key)) if isinstance(value, Mapping) else [(*path, key)]
    return found


def changed(values: Mapping[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    head, *rest = path
    inner = changed(values[head], tuple(rest), value) if rest else value
    return {**values, head: inner}


@given(data=st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_the_values_are_the_result_loads(tmp_path: Path, data: st.DataObject) -> None:
    values = data.draw(st.sampled_from(list(SYSTEMS.values())))
    for path in data.draw(st.lists(st.sampled_from(leaves(values)), max_size=4)):
        values = changed(values, path, data.draw(ODD))
    bot = st.fixed_dictionaries({"name": ODD, "checkpointName": ODD, "port": ODD}) | ODD
    if "BotConvo" in values:
        values = changed(values, ("BotConvo", "Bots"), data.draw(st.lists(bot, max_size=3)))
    new = tmp_path / "config.toml"
    new.unlink(missing_ok=True)
    try:
        converted = migrate(old_file(tmp_path, values), new)
    except ConfigError:  # nothing is left by which it could be told
        assert not new.exists()
        return
    load_settings(new)
    for left in converted.left_out:
        assert str(left).isprintable()


# what cannot be converted


def refused(folder: Path, data: bytes) -> str:
    """The one line that says why; nothing was written."""
    old = folder / "old.cfg"
    old.write_bytes(data)
    done = typed("migrate-config", old, "--output", folder / "config.toml")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    assert done.err.startswith(f"botconvo: {old}: ")
    assert [path.name for path in folder.iterdir()] == ["old.cfg"]
    return done.err


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b" \n\t\r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x00\x01\x02\xff\xfe", "is not text"),
        (b"abc\x00def", "is not text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is not text"),
        (b'{"BotConvo": {\n  "Bots": [', "is no whole JSON: line 2"),
        (b'{"BotConvo": {\n\n  "DiscordBotToken": "' + SECRET.encode(), "is no whole JSON: line 3"),
        (b"training:\n  model_name: 'x", "is no whole YAML: line 2"),
        (b"training:\n\t- x", "is no whole YAML: line 2"),
        (f"a: b\ntoken: {SECRET}: {SECRET}".encode(), "is no whole YAML: line 2"),
        (b"a: &a [1]\nb: [*a]", "aliases"),
        (b"a: &a [*a]", "aliases"),
        (b"a: !!python/object/apply:os.system [ls]", "is no whole YAML: line 1"),
        (b"a: \x07", "is no YAML"),
        (b"a: 2001-99-99", "is no YAML"),
        (b'{"n": ' + b"9" * 5000 + b"}", "is no JSON"),
        (b'{"model_type": "\\ud800"}', "is no JSON"),
        (b"[" * 30_000, "is nested too deeply"),
        (b"- " * 15_000, "is nested too deeply"),
        (b"x" * 70_000, "has more than 65536 bytes"),
        (b"just some words", "is no configuration of"),
        (b"42", "is no configuration of"),
        (b"[]", "is no configuration of"),
        (b"{}", "is no configuration of"),
        (b"null", "is no configuration of"),
        (b'{"BotConvo": 5}', "is no configuration of"),
        (b'{"BotConvo": {}}', "is no configuration of"),
        (b"training:\n  model_name: resnet\n", "is no configuration of"),
        (b'{"model_type": "gpt2", "model_name_or_path": "x"}', "is no configuration of"),
        (b"bot_username: x\n", "is no configuration of"),
        (b"[conversation]\npreset = 'classic'\n", "is no"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path, data: bytes, why: str) -> None:
    line = refused(tmp_path, data)
    assert why in line
    assert SECRET not in line


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    for old in (tmp_path / "nowhere.json", tmp_path):
        done = typed("migrate-config", old, "--output", tmp_path / "config.toml")
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert f"{old}: cannot be read" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    old, new = old_file(tmp_path, APPSETTINGS), tmp_path / "config.toml"
    new.write_text("# mine", encoding="utf-8")
    for output in (new, old):
        done = typed("migrate-config", old, "--output", output)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert f"{output} is there already; name another file with --output" in done.err
    assert new.read_text("utf-8") == "# mine"
    assert json.loads(old.read_text("utf-8")) == APPSETTINGS


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_to_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "config.toml").symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(ConfigError, match="is there already"):
        migrate(old_file(tmp_path, APPSETTINGS), tmp_path / "config.toml")
    assert not (tmp_path / "elsewhere.toml").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    old = old_file(tmp_path, APPSETTINGS)
    done = typed("migrate-config", old, "--output", tmp_path / "no" / "config.toml")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "cannot be written: No such file" in done.err


FULL_DISK = """\
import resource, sys
from botconvo.cli import main
import botconvo.old_configs.migration
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
main(["migrate-config", sys.argv[1], "--output", sys.argv[2]])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_disk_that_fills_leaves_nothing_behind(tmp_path: Path) -> None:
    old = old_file(tmp_path, APPSETTINGS)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(old), str(tmp_path / "config.toml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_dot_env_may_hold_the_variable_that_it_names(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"BOTCONVO_DISCORD_TOKEN={SECRET}\n", encoding="utf-8")
    found, _ = migrated(tmp_path, old_file(tmp_path, APPSETTINGS))
    assert len(found.personas) == 2

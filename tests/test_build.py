"""From settings to parts: what is checked before anything is started."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from projects import checkpoints_of, make_project, persona_table, write_config
from tiny_gguf import write_friends, write_plain_gpt2

from botconvo.build import (
    RunOptions,
    build_cast,
    build_people,
    build_plan,
    build_platforms,
    build_refusals,
    take_up,
)
from botconvo.checkpoints import checkpoint_digest
from botconvo.config import Settings, load_settings
from botconvo.consent import ConsentRecord, PersonId, RecordId, granted, withdrawn
from botconvo.errors import ConfigError, ConsentError
from botconvo.granting import Terms, grant, withdraw
from botconvo.messages import Author, AuthorId, ChannelId
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.cast import CastMember
from botconvo.orchestrator.reins import Reins
from botconvo.orchestrator.run import Plan
from botconvo.phrases import PhraseError
from botconvo.safety.wordlist import WordListFilter
from botconvo.store import Store
from model_server.checkpoint.folder import load_checkpoint
from model_server.errors import CheckpointError
from model_server.prompt_format import PromptFormat

PERSON = PersonId("p-aaaaaaaaaa")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BOTCONVO_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with checkpoints of Bort and Juno; only to be read."""
    folder = tmp_path_factory.mktemp("made")
    checkpoints_of(("Bort", "Juno"), folder)
    return folder / "checkpoints"


def settings(folder: Path, *tables: str) -> Settings:
    return load_settings(write_config(folder, *tables))


def bort(made: Path, *more: str) -> str:
    return persona_table("Bort", *more, checkpoint=(made / "bort").as_posix())


def juno(made: Path, *more: str) -> str:
    return persona_table("Juno", *more, checkpoint=(made / "juno").as_posix())


def agree(store: Store, **bounds: Any) -> None:
    record = ConsentRecord(
        id=RecordId("r-1"),
        person=PERSON,
        granted_at=datetime.now(UTC) - timedelta(days=2),
        adult=True,
        **bounds,
    )
    store.append_ledger(granted(store.ledger(), record, salt="salt"))


def cloned_from_a_person(checkpoint: Path, *, fictional: bool = False) -> None:
    """Let the manifest name this person, who is no invented character."""
    path = checkpoint / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["consent"] |= {"person": PERSON, "fictional": fictional}
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_a_member_has_all_that_its_server_is_started_with(
    made: Path, store: Store, tmp_path: Path
) -> None:
    table = bort(made, "port = 8001", "talkativeness = 0.9", "sampling = { top_k = 5 }")
    (member,) = build_cast(settings(tmp_path, table), store)
    checkpoint = load_checkpoint(made / "bort")
    assert (member.persona.talkativeness, member.persona.sampling.top_k) == (0.9, 5)
    assert isinstance(member.spec, ModelSpec)
    assert (member.spec.digest, member.spec.base) == (checkpoint.digest, checkpoint.base_path)
    assert (member.spec.port, member.spec.threads) == (8001, 1)
    assert member.spec.context == 256, "no more than the weights were trained for"
    assert member.prompt_format.speaker == "Bort"
    assert member.person is None, "nobody has to be asked about an invented character"


def test_equal_settings_give_equal_members(made: Path, store: Store, tmp_path: Path) -> None:
    first = build_cast(settings(tmp_path, bort(made), juno(made)), store)
    assert build_cast(settings(tmp_path, bort(made), juno(made)), store) == first


def test_without_personas_there_is_nothing_to_run(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \[\[personas\]\] table"):
        build_cast(settings(tmp_path), store)


def test_a_persona_has_to_be_called_as_it_was_trained(
    made: Path, store: Store, tmp_path: Path
) -> None:
    table = persona_table("Bortholomew", checkpoint=(made / "bort").as_posix())
    with pytest.raises(ConfigError, match=r"Bortholomew: .*was trained as 'Bort'"):
        build_cast(settings(tmp_path, table), store)


def test_a_base_is_no_clone(made: Path, store: Store, tmp_path: Path) -> None:
    table = persona_table("Bort", checkpoint=(made / "base").as_posix())
    with pytest.raises(ConfigError, match=r"Bort: .* is a base, not a clone"):
        build_cast(settings(tmp_path, table), store)


def test_an_avatar_has_to_be_there(made: Path, store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Bort: there is no avatar at .*bort\.png"):
        build_cast(settings(tmp_path, bort(made, 'avatar = "bort.png"')), store)


def _no_folder(checkpoint: Path) -> None:
    (checkpoint / "manifest.json").unlink()
    (checkpoint / "bort-adapter.gguf").unlink()
    checkpoint.rmdir()


def _no_manifest(checkpoint: Path) -> None:
    (checkpoint / "manifest.json").unlink()


def _torn_manifest(checkpoint: Path) -> None:
    path = checkpoint / "manifest.json"
    path.write_bytes(path.read_bytes()[:100])


def _torn_weights(checkpoint: Path) -> None:
    path = checkpoint / "bort-adapter.gguf"
    path.write_bytes(path.read_bytes()[:-100])


def _no_base(checkpoint: Path) -> None:
    (checkpoint.parent / "base" / "base-weights.gguf").unlink()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_no_folder, "bort: there is no such folder"),
        (_no_manifest, "bort: is no checkpoint"),
        (_torn_manifest, "is not JSON"),
        (_torn_weights, "bort-adapter.gguf: is .* bytes"),
        (_no_base, "base-weights.gguf: is missing"),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_refused_in_one_line(
    store: Store, tmp_path: Path, harm: Callable[[Path], None], told: str
) -> None:
    config = make_project(tmp_path, "Bort")
    harm(tmp_path / "checkpoints" / "bort")
    with pytest.raises(CheckpointError, match=told) as caught:
        build_cast(load_settings(config), store)
    assert "\n" not in str(caught.value)


# Consent


def test_nobody_is_cloned_who_did_not_agree(store: Store, tmp_path: Path) -> None:
    config = make_project(tmp_path, "Bort")
    cloned_from_a_person(tmp_path / "checkpoints" / "bort")
    with pytest.raises(ConsentError, match=r"Bort: .* clone is not in .*sqlite3"):
        build_cast(load_settings(config), store)
    agree(store)
    (member,) = build_cast(load_settings(config), store)
    assert member.person == PERSON, "every post is claimed in this person's name"


def test_a_withdrawn_consent_ends_a_clone(store: Store, tmp_path: Path) -> None:
    config = make_project(tmp_path, "Bort")
    cloned_from_a_person(tmp_path / "checkpoints" / "bort")
    agree(store)
    store.append_ledger(withdrawn(store.ledger(), PERSON, datetime.now(UTC)))
    with pytest.raises(ConsentError, match="was withdrawn or has expired"):
        build_cast(load_settings(config), store)


def test_an_expired_consent_ends_a_clone(store: Store, tmp_path: Path) -> None:
    config = make_project(tmp_path, "Bort")
    cloned_from_a_person(tmp_path / "checkpoints" / "bort")
    agree(store, expires_at=datetime.now(UTC) - timedelta(days=1))
    with pytest.raises(ConsentError, match="was withdrawn or has expired"):
        build_cast(load_settings(config), store)


def test_a_manifest_that_says_fictional_does_not_overrule_the_ledger(
    store: Store, tmp_path: Path
) -> None:
    config = make_project(tmp_path, "Bort")
    cloned_from_a_person(tmp_path / "checkpoints" / "bort", fictional=True)
    agree(store)
    store.append_ledger(withdrawn(store.ledger(), PERSON, datetime.now(UTC)))
    with pytest.raises(ConsentError, match="was withdrawn"):
        build_cast(load_settings(config), store)


# Clones of earlier systems, which name nobody


def foreign(path: Path, *more: str, name: str = "Bort") -> str:
    return persona_table(name, *more, checkpoint=path.as_posix())


def bind(store: Store, name: str, path: Path) -> PersonId:
    terms = Terms(adult=True, checkpoints=(checkpoint_digest(path, store.path.parent),))
    return grant(store, name, terms, datetime.now(UTC)).person.id


def test_a_clone_that_names_nobody_is_bound_once(store: Store, tmp_path: Path) -> None:
    path = write_plain_gpt2(tmp_path / "old bort.gguf")
    config = settings(tmp_path, foreign(path))
    with pytest.raises(ConsentError) as caught:
        build_cast(config, store)
    command = f'botconvo consent grant Bort --adult --checkpoint "{path}"'
    assert str(caught.value).endswith(f"record who agreed: {command}")
    assert "\n" not in str(caught.value)
    person = bind(store, "Bort", path)
    (member,) = build_cast(config, store)
    assert member.person == person, "every post is claimed in this person's name"
    assert isinstance(member.spec, ModelSpec)
    assert member.spec.checkpoint.parent == tmp_path / "converted"
    assert member.prompt_format == PromptFormat(kind="plain", speaker="Bort")
    assert build_cast(config, store) == (member,)


def test_a_withdrawn_consent_ends_an_old_clone(store: Store, tmp_path: Path) -> None:
    path = write_plain_gpt2(tmp_path / "a.gguf")
    bind(store, "Bort", path)
    withdraw(store, "Bort", datetime.now(UTC))
    with pytest.raises(
        ConsentError, match="was withdrawn or has expired; if they agree again: bot"
    ):
        build_cast(settings(tmp_path, foreign(path)), store)


def test_a_checkpoint_of_several_people_needs_each_ones_consent(
    store: Store, tmp_path: Path
) -> None:
    path = write_friends(tmp_path / "friends.gguf", ["bort#1234", "Juno"])
    both = settings(tmp_path, foreign(path), foreign(path, name="Juno"))
    bind(store, "Bort", path)
    with pytest.raises(ConsentError, match="Juno: nobody is bound"):
        build_cast(both, store)
    juno = bind(store, "Juno", path)
    members = build_cast(both, store)
    assert members[1].person == juno
    assert [m.prompt_format.render([]) for m in members] == ["<bort#1234>", "<Juno>"]
    with pytest.raises(ConfigError, match="has learned to speak as bort#1234, Juno"):
        build_cast(settings(tmp_path, foreign(path, name="Milly")), store)


def test_a_format_that_a_tokenizer_does_not_show_can_be_named(store: Store, tmp_path: Path) -> None:
    path = write_plain_gpt2(tmp_path / "a.gguf")
    bind(store, "Bort", path)
    (member,) = build_cast(settings(tmp_path, foreign(path, 'prompt_format = "ssi"')), store)
    assert member.prompt_format == PromptFormat(kind="ssi", speaker="Bort")


# Plans


def a_plan(store: Store, config: Path, **options: Any) -> Plan:
    # Nothing is asked here, so a client that was never opened is enough.
    no_http: httpx.AsyncClient = httpx.AsyncClient.__new__(httpx.AsyncClient)
    return build_plan(
        load_settings(config),
        RunOptions(config=config, **options),
        store,
        no_http,
        lambda message, post: None,
    )


def test_a_seeded_run_waits_for_everybody_and_begins_afresh(
    made: Path, store: Store, tmp_path: Path
) -> None:
    config = write_config(tmp_path, bort(made))
    seeded, free = a_plan(store, config, seed=7), a_plan(store, config)
    assert (seeded.seed, seeded.wait_for_all, seeded.keep_history) == (7, True, False)
    assert (free.wait_for_all, free.keep_history) == (False, True)
    assert free.run_id != seeded.run_id
    assert a_plan(store, config).seed != free.seed


def test_a_preset_of_the_command_line_goes_above_the_files(
    made: Path, store: Store, tmp_path: Path
) -> None:
    plan = a_plan(store, write_config(tmp_path, bort(made)), preset="classic")
    assert (plan.manners.speakers, plan.manners.samples) == ("uniform", 2)
    assert plan.reload().manners == plan.manners, "also after a reload"


def test_a_pipeline_that_is_not_there_is_told_before_anybody_speaks(
    made: Path, store: Store, tmp_path: Path
) -> None:
    config = write_config(tmp_path, bort(made))
    config.write_text(
        'spacy_pipeline = "xx_nobody_has_this"\n' + config.read_text("utf-8"), "utf-8"
    )
    with pytest.raises(PhraseError, match="xx_nobody_has_this"):
        a_plan(store, config)


def reloaded(plan: Plan) -> list[CastMember]:
    return list(plan.reload().members)


def test_a_reload_reads_the_file_anew(made: Path, store: Store, tmp_path: Path) -> None:
    plan = a_plan(store, write_config(tmp_path, bort(made)))
    assert reloaded(plan) == list(plan.members)
    write_config(tmp_path, bort(made), juno(made))
    assert [member.persona.name for member in reloaded(plan)] == ["Bort", "Juno"]


def test_a_reload_reads_the_reins_and_refuses_those_that_nobody_could_hold(
    made: Path, store: Store, tmp_path: Path
) -> None:
    plan = a_plan(store, write_config(tmp_path, bort(made)), platforms=("console",))
    assert plan.approvals.channel is None
    reins = '[reins]\nkill_word = "enough"\nowners = ["console:you"]\ncurated = true\n'
    write_config(tmp_path, bort(made), reins)
    fresh = plan.reload()
    assert (fresh.law.kill_word, fresh.law.owners) == (
        "enough",
        frozenset({AuthorId("console:you")}),
    )
    assert (fresh.law.curated, fresh.approval) == (True, timedelta(hours=1))
    write_config(tmp_path, bort(made), reins + 'approval_channel = "discord:1/2"\n')
    with pytest.raises(ConfigError, match="lines are approved on discord, which is not among"):
        plan.reload()


@pytest.mark.parametrize(
    "table",
    [
        "[[personas]",
        persona_table("Juno", checkpoint="nowhere"),
        persona_table("Bort", checkpoint="nowhere"),
    ],
)
def test_a_bad_edit_is_told_as_an_error_of_the_config(
    made: Path, store: Store, tmp_path: Path, table: str
) -> None:
    plan = a_plan(store, write_config(tmp_path, bort(made)))
    write_config(tmp_path, bort(made), table)
    with pytest.raises(ConfigError):
        plan.reload()


# Platforms and people


def names(config: Path, store: Store, *asked: str) -> list[str]:
    options = RunOptions(config=config, platforms=asked)
    built = build_platforms(load_settings(config), options, Reins(), store, lambda: None)
    return [platform.name for platform in built]


def test_platforms_are_those_asked_for_else_configured_else_the_page(
    store: Store, tmp_path: Path
) -> None:
    assert names(write_config(tmp_path), store) == ["web"]
    assert names(write_config(tmp_path, "[platforms.console]"), store) == ["console"]
    both = write_config(tmp_path, "[platforms.console]\n[platforms.web]")
    assert names(both, store) == ["web", "console"]
    assert names(both, store, "console") == ["console"]
    assert names(both, store, "console", "web", "console") == ["console", "web"]


def test_a_platform_that_does_not_exist_is_named_with_those_that_do(
    store: Store, tmp_path: Path
) -> None:
    with pytest.raises(
        ConfigError, match="platform 'irc' does not exist; take one of web, console, discord"
    ):
        names(write_config(tmp_path), store, "irc")


DISCORD = "[platforms.discord]\nchannels = [1218000000000000001]\n"
ACCOUNTS = DISCORD + 'identity = "accounts"\n'
A, B = "MTIx.Gabc.xyz", "MTIy.Gabd.xyz"


def test_discord_takes_its_tokens_from_the_environment(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = write_config(tmp_path, DISCORD, persona_table("Bort"))
    with pytest.raises(ConfigError, match="BOTCONVO_DISCORD_TOKEN is missing; copy the bot's"):
        names(webhook, store)
    monkeypatch.setenv("BOTCONVO_DISCORD_TOKEN", A)
    assert names(webhook, store) == ["discord"]
    accounts = write_config(tmp_path, ACCOUNTS, persona_table("Bort"))
    with pytest.raises(ConfigError, match="BOTCONVO_DISCORD_TOKEN_BORT is missing"):
        names(accounts, store)
    monkeypatch.setenv("BOTCONVO_DISCORD_TOKEN_BORT", A)
    with pytest.raises(ConfigError, match="another account has the same token"):
        names(accounts, store)
    monkeypatch.setenv("BOTCONVO_DISCORD_TOKEN_BORT", B)
    assert names(accounts, store) == ["discord"]


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("", "BOTCONVO_DISCORD_TOKEN_JUNO is missing"),
        (A, "BOTCONVO_DISCORD_TOKEN_JUNO: another account has the same token"),
        ("mfa.abc", "BOTCONVO_DISCORD_TOKEN_JUNO: it is a user's token"),
        (B, None),
    ],
)
def test_a_persona_that_comes_while_a_run_goes_on_needs_a_token(
    token: str, told: str | None, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTCONVO_DISCORD_TOKEN_BORT", A)
    monkeypatch.setenv("BOTCONVO_DISCORD_TOKEN_JUNO", token)
    begun = load_settings(write_config(tmp_path, ACCOUNTS, persona_table("Bort")))
    options = RunOptions(config=tmp_path / "config.toml", platforms=("discord",))
    platforms = build_platforms(begun, options, Reins(), store, lambda: None)
    both = (persona_table("Bort"), persona_table("Juno"))
    fresh = load_settings(write_config(tmp_path, ACCOUNTS, *both))
    if told is None:
        take_up(platforms, begun, fresh)
    else:
        with pytest.raises(ConfigError, match=told):
            take_up(platforms, begun, fresh)


def test_what_is_not_taken_up_of_discords_settings_is_told(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("BOTCONVO_DISCORD_TOKEN", A)
    begun = load_settings(write_config(tmp_path, DISCORD, persona_table("Bort")))
    options = RunOptions(config=tmp_path / "config.toml", platforms=("discord",))
    platforms = build_platforms(begun, options, Reins(), store, lambda: None)
    take_up(platforms, begun, begun)
    assert caplog.text == ""
    other = DISCORD + "direct_messages = true\n"
    fresh = load_settings(write_config(tmp_path, other, persona_table("Bort")))
    take_up(platforms, begun, fresh)
    assert "[platforms.discord] differs from what this run began with" in caplog.text


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ((), r"config.toml has no \[platforms.discord\] table"),
        ((DISCORD, persona_table("Clyde B")), "Clyde B: Discord lets no webhook have 'clyde'"),
        (("[[platforms.discord.channels]]\nid = 12345\npersonas = ['X']",), "no persona 'X'"),
        (
            ("[[platforms.discord.channels]]\nid = 12345\nconversation = { preset = 'x' }",),
            "preset 'x' does not exist",
        ),
        (
            (DISCORD, '[reins]\ncurated = true\napproval_channel = "discord:12345"'),
            "discord:12345 is no channel of a server; write it as discord:SERVER/CHANNEL",
        ),
        (
            (DISCORD, '[reins]\ncurated = true\napproval_channel = "discord:@me/12345"'),
            "is no channel of a server",
        ),
        (
            (DISCORD, '[reins]\napproval_channel = "discord:1/1218000000000000001"'),
            "the only channel is reins.approval_channel",
        ),
    ],
)
def test_what_discord_cannot_do_with_is_told(
    tables: tuple[str, ...],
    told: str,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BOTCONVO_DISCORD_TOKEN", A)
    with pytest.raises(ConfigError, match=told):
        names(write_config(tmp_path, *tables), store, "discord")


def test_lines_are_approved_in_a_channel_in_which_nobody_talks(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTCONVO_DISCORD_TOKEN", A)
    curated = '[reins]\ncurated = true\napproval_channel = "discord:1/12345"'
    assert names(write_config(tmp_path, DISCORD, curated), store) == ["discord"]


@pytest.mark.parametrize(
    ("reins", "platform", "told"),
    [
        ("", "console", None),
        ("curated = true", "console", None),
        ("curated = true", "web", None),
        ('curated = true\napproval_channel = "discord:1/2"', "web", "approved on discord"),
        ('approval_channel = "discord:1/2"', "web", None),
    ],
)
def test_lines_never_wait_where_nobody_can_approve_them(
    tmp_path: Path, store: Store, reins: str, platform: str, told: str | None
) -> None:
    config = write_config(tmp_path, f"[reins]\n{reins}")
    if told is None:
        assert names(config, store, platform) == [platform]
    else:
        with pytest.raises(ConfigError, match=told):
            names(config, store, platform)


def test_what_people_removed_is_not_said_by_anybody_in_the_project(
    store: Store,
) -> None:
    refused = store.refuse_text(
        "Marek ate the cake", ChannelId("web:x"), "Bort", "Ann", datetime.now(UTC)
    )
    text_filter = build_refusals(WordListFilter(), store)
    assert text_filter.objection("marek ate the CAKE!") == "unsafe"
    text_filter.allow(refused.number)
    assert text_filter.objection("marek ate the CAKE!") is None


def test_several_accounts_of_one_person_speak_under_one_name(tmp_path: Path) -> None:
    table = '[[people]]\nname = "Bort"\nauthors = ["discord:1", "discord:2"]'
    people = build_people(settings(tmp_path, table))
    for account in ("discord:1", "discord:2"):
        assert people.speaker(Author(id=AuthorId(account), name="xX_b0rt_Xx")) == "Bort"
    assert people.speaker(Author(id=AuthorId("discord:3"), name="Juno")) == "Juno"

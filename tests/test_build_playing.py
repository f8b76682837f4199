"""What ``chat`` and ``generate`` are made of, and who may be spoken as."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from projects import checkpoints_of, persona_table, write_config
from tiny_gguf import write_friends

from botconvo.build import PlayOptions, build_playing
from botconvo.checkpoints import checkpoint_digest
from botconvo.config import load_settings
from botconvo.consent import ConsentRecord, PersonId, RecordId, granted, withdrawn
from botconvo.errors import ConfigError, ConsentError
from botconvo.granting import Terms, grant
from botconvo.messages import AuthorId
from botconvo.orchestrator.playing import Playing
from botconvo.personas import Sampling
from botconvo.store import Store
from botconvo.voices import CloneVoice, CompanyVoice
from model_server.errors import CheckpointError

BORT, ANNA = PersonId("p-aaaaaaaaaa"), PersonId("p-bbbbbbbbbb")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BOTCONVO_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with checkpoints of Bort and Juno, who are invented."""
    checkpoints_of(("Bort", "Juno"), tmp_path)
    return tmp_path / "checkpoints"


def playing(store: Store, *tables: str, name: str | None = "Bort", **options: Any) -> Playing:
    config = write_config(store.path.parent, *tables, conversation=options.pop("conversation", ""))
    sampling = options.pop("sampling", Sampling())
    no_http: httpx.AsyncClient = httpx.AsyncClient.__new__(httpx.AsyncClient)
    return build_playing(
        load_settings(config), PlayOptions(name=name, sampling=sampling, **options), store, no_http
    )


def agree(store: Store, person: PersonId, name: str, **bounds: Any) -> None:
    record = ConsentRecord(
        id=RecordId(f"r-{len(store.ledger())}"),
        person=person,
        granted_at=datetime.now(UTC) - timedelta(days=2),
        adult=True,
        sources=(AuthorId(f"discord:{name}"),),
        **bounds,
    )
    store.keep_person(person, name, record.sources)
    store.append_ledger(granted(store.ledger(), record, salt="salt"))


def end(store: Store, person: PersonId) -> None:
    store.append_ledger(withdrawn(store.ledger(), person, datetime.now(UTC)))


def change_manifest(checkpoint: Path, key: str, **facts: Any) -> None:
    path = checkpoint / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest[key] |= facts
    path.write_text(json.dumps(manifest), encoding="utf-8")


TWO = (persona_table("Bort"), persona_table("Juno"))


# Whom


@pytest.mark.parametrize("name", ["Bort", "bort"])
def test_a_persona_is_found_by_its_name(made: Path, store: Store, name: str) -> None:
    assert playing(store, *TWO, name=name).member.persona.name == "Bort"


def test_a_checkpoint_is_found_by_its_path(made: Path, store: Store) -> None:
    found = playing(store, name=str(made / "juno"))
    assert (found.member.persona.name, found.company) == ("Juno", ())


def test_without_a_name_the_only_persona_is_meant(made: Path, store: Store) -> None:
    assert playing(store, TWO[1], name=None).member.persona.name == "Juno"
    with pytest.raises(ConfigError, match=r"say whom, .*: one of Bort, Juno"):
        playing(store, *TWO, name=None)
    with pytest.raises(ConfigError, match=r"say whom, .*no \[\[personas\]\] table"):
        playing(store, name=None)


def test_who_is_not_there_is_told_with_who_is(made: Path, store: Store) -> None:
    with pytest.raises(ConfigError, match=r"'Tilly' is neither .*\(there are Bort, Juno\)"):
        playing(store, *TWO, name="Tilly")
    with pytest.raises(ConfigError, match=r"'x+' is neither"):
        playing(store, *TWO, name="x" * 300)
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        playing(store, name=str(made))


def test_a_base_and_a_checkpoint_that_names_nobody_are_no_clones(made: Path, store: Store) -> None:
    with pytest.raises(ConfigError, match="is a base, not a clone"):
        playing(store, name=str(made / "base"))
    change_manifest(made / "bort", "prompt_format", speaker="")
    with pytest.raises(ConfigError, match="names nobody; say whose clone it is"):
        playing(store, name=str(made / "bort"))


# Consent


def test_nobody_speaks_who_did_not_agree_to_the_console(made: Path, store: Store) -> None:
    change_manifest(made / "bort", "consent", person=BORT, fictional=False)
    with pytest.raises(ConsentError, match="Bort: the consent for this clone is not in"):
        playing(store, *TWO)
    agree(store, BORT, "Bort", platforms=("web",))
    with pytest.raises(ConsentError, match="names other platforms than 'console'"):
        playing(store, *TWO)
    agree(store, BORT, "Bort", platforms=("web", "console"))
    assert playing(store, *TWO).member.person == BORT
    end(store, BORT)
    with pytest.raises(ConsentError, match="was withdrawn or has expired"):
        playing(store, *TWO)


def company(found: Playing) -> set[str]:
    return {persona.name for persona in found.company}


def test_the_company_are_those_who_agreed_and_invented_personas(made: Path, store: Store) -> None:
    assert company(playing(store, *TWO)) == {"Juno"}
    agree(store, ANNA, "Anna")
    assert company(playing(store, *TWO)) == {"Juno", "Anna"}
    end(store, ANNA)
    assert company(playing(store, *TWO)) == {"Juno"}
    agree(store, ANNA, "Anna", platforms=("web",))
    assert company(playing(store, *TWO)) == {"Juno"}


def test_a_persona_without_consent_or_checkpoint_is_no_company(made: Path, store: Store) -> None:
    change_manifest(made / "juno", "consent", person=ANNA, fictional=False)
    gone = persona_table("Tilly", checkpoint="nowhere")
    assert company(playing(store, *TWO, gone)) == set()
    agree(store, ANNA, "Juno")
    assert company(playing(store, *TWO, gone)) == {"Juno"}


def test_consent_that_ends_is_noticed_before_the_next_answer(made: Path, store: Store) -> None:
    change_manifest(made / "bort", "consent", person=BORT, fictional=False)
    agree(store, BORT, "Bort")
    agree(store, ANNA, "Anna")
    found = playing(store, *TWO)
    found.check_consent(found.company)
    end(store, ANNA)
    found.check_consent([])  # Anna does not speak here
    with pytest.raises(ConsentError, match="Anna: the consent for this clone was withdrawn"):
        found.check_consent(found.company)
    end(store, BORT)
    with pytest.raises(ConsentError, match="Bort: the consent"):
        found.check_consent([])


# How it is drawn


def test_it_is_drawn_as_by_friend_simulator_unless_somebody_says_otherwise(
    made: Path, store: Store
) -> None:
    manners = playing(store, *TWO).manners
    assert (manners.temperature, manners.top_k, manners.samples) == ((0.4, 0.4), 50, 2)
    manners = playing(store, *TWO, preset="group-chat").manners
    assert (manners.temperature, manners.samples) == ((1.0, 1.0), 8)
    assert playing(store, *TWO, conversation="samples = 3\n").manners.samples == 3
    with pytest.raises(ConfigError, match="preset 'polite' does not exist"):
        playing(store, *TWO, preset="polite")


def test_the_command_line_goes_above_the_persona_and_the_persona_above_the_preset(
    made: Path, store: Store
) -> None:
    table = persona_table("Bort", "sampling = { temperature = 1.2, top_k = 3 }")
    found = playing(store, table, TWO[1], sampling=Sampling(temperature=0.1))
    assert found.member.persona.sampling == Sampling(temperature=0.1, top_k=3)
    assert found.company[0].sampling == found.member.persona.sampling


def test_an_answer_leaves_half_of_the_context_to_the_prompt(made: Path, store: Store) -> None:
    assert playing(store, *TWO).manners.max_tokens == (65, 65)
    long = playing(store, *TWO, max_tokens=256)
    assert long.member.spec.context == 256
    assert long.manners.max_tokens == (128, 128)
    talk = playing(store, *TWO, max_tokens=256, preset="group-chat")
    assert talk.manners.max_tokens == (90, 90)


def test_a_seed_is_kept_and_otherwise_drawn(made: Path, store: Store) -> None:
    assert playing(store, *TWO, seed=5).seed == 5
    assert playing(store, *TWO).seed != playing(store, *TWO).seed


def test_somebody_has_a_voice_and_so_has_the_company(made: Path, store: Store) -> None:
    found = playing(store, *TWO)
    lead, others = found.member.persona, found.company
    assert isinstance(found.voice(lead, (lead, *others), lambda: None), CloneVoice)
    assert isinstance(found.voice(None, (lead, *others), lambda: None), CompanyVoice)
    assert found.names_speakers


def test_a_clone_of_single_lines_hears_a_phrase_and_knows_no_company(
    made: Path, store: Store
) -> None:
    change_manifest(made / "bort", "prompt_format", kind="plain")
    found = playing(store, *TWO)
    assert (found.manners.opening_share, found.company) == (1.0, ())
    assert not found.names_speakers


# Clones of earlier systems


def test_a_checkpoint_with_names_speaks_as_nobody_whom_it_does_not_know(
    store: Store, tmp_path: Path
) -> None:
    path = write_friends(tmp_path / "friends.gguf", ["bort", "juno"])
    terms = Terms(adult=True, checkpoints=(checkpoint_digest(path, tmp_path),))
    for name in ("Bort", "Juno"):
        grant(store, name, terms, datetime.now(UTC))
    agree(store, ANNA, "Anna")
    made = playing(store, persona_table("Bort", checkpoint=path.as_posix()))
    assert [persona.name for persona in made.company] == ["Juno"]
    assert not made.names_speakers
    assert made.member.prompt_format.render([]) == "<bort>"


def test_a_clone_that_names_nobody_is_whose_it_is_bound_to(store: Store, tmp_path: Path) -> None:
    path = write_friends(tmp_path / "friends.gguf")
    with pytest.raises(
        ConfigError, match=r"names nobody \(it has learned to speak as bort, juno\)"
    ):
        playing(store, name=str(path))
    assert (tmp_path / "converted").is_dir(), "in the project, as everywhere"
    terms = Terms(adult=True, checkpoints=(checkpoint_digest(path, tmp_path),))
    for name in ("Milly", "Juno"):
        grant(store, name, terms, datetime.now(UTC))
    assert playing(store, name=str(path)).member.persona.name == "Juno", "Milly has no token"
    grant(store, "Bort", terms, datetime.now(UTC))
    with pytest.raises(ConfigError, match=r"is a clone of Bort, Juno; say whom you mean"):
        playing(store, name=str(path))


def test_outside_of_a_project_nothing_is_written_beside_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTCONVO_CACHE", str(tmp_path / "cache"))
    path = write_friends(tmp_path / "friends.gguf")
    with Store.open(Path(":memory:")) as nothing:
        nothing.path = tmp_path / "botconvo.sqlite3"
        with pytest.raises(ConfigError, match="botconvo consent grant NAME --adult --checkpoint"):
            playing(nothing, name=str(path))
    assert {each.name for each in tmp_path.iterdir()} == {"cache", "config.toml", "friends.gguf"}

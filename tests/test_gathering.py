"""The gate in front of training."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON, a_message, a_reaction

from botconvo.errors import ConsentError, CorpusError
from botconvo.gathering import gather
from botconvo.granting import Terms, grant, withdraw
from botconvo.policies import DISCORD
from botconvo.store import STORE_NAME, Source, Store
from botconvo.taking import take_exports

EXPORTS = Path(__file__).parent / "data" / "exports"
GENERAL = next((EXPORTS / "discord-dce-2.47").glob("*general*.json"))
LATER = NOON + timedelta(days=1)
ADULT, FICTIONAL = Terms(adult=True), Terms(fictional=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store into which a Discord export was imported."""
    with Store.open(tmp_path / STORE_NAME) as store:
        take_exports(store, [GENERAL], NOON)
        yield store


def test_it_gathers_the_person_and_everybody_else_who_agreed(store: Store) -> None:
    grant(store, "bort", FICTIONAL, NOON)
    grant(store, "smig", FICTIONAL, NOON, speaker="Smig")
    found = gather(store, "bort", NOON)
    speakers = {found.people.speaker(message.author) for message in found.messages}
    assert speakers == {"Bort 🛹", "Smig"}
    assert len(found.messages) == 8
    assert found.origins == {"discord-api"}
    assert found.record.person == found.person.id


def test_rows_from_discord_need_one_acknowledgement(store: Store) -> None:
    grant(store, "bort", ADULT, NOON)
    with pytest.raises(ConsentError, match="--acknowledge-discord-policy") as failed:
        gather(store, "bort", NOON)
    assert "rule 21" in str(failed.value)
    assert "\n" not in str(failed.value)
    store.acknowledge(DISCORD.name, NOON)
    assert len(gather(store, "bort", NOON).messages) == 3


def test_the_context_of_an_invented_character_may_need_it_too(store: Store) -> None:
    grant(store, "bort", FICTIONAL, NOON)
    grant(store, "smig", ADULT, NOON)
    with pytest.raises(ConsentError, match="--acknowledge-discord-policy"):
        gather(store, "bort", NOON)


def test_a_file_of_ones_own_breaks_no_platforms_rule(store: Store) -> None:
    take_exports(store, [EXPORTS / "gpt-2-simple" / "bort.csv"], NOON, author="Zed")
    grant(store, "zed", ADULT, NOON)
    assert len(gather(store, "zed", NOON).messages) == 4


def test_consent_is_looked_at_again(store: Store) -> None:
    grant(store, "bort", FICTIONAL, NOON)
    later = NOON + timedelta(days=2)
    grant(store, "smig", Terms(fictional=True, expires_at=NOON + timedelta(days=1)), NOON)
    assert len(gather(store, "bort", later).messages) == 3
    with pytest.raises(ConsentError, match="no live consent"):
        gather(store, "smig", later)
    withdraw(store, "bort", NOON)
    with pytest.raises(ConsentError, match="no live consent"):
        gather(store, "bort", NOON)


def test_remote_work_needs_a_consent_that_names_the_host(store: Store) -> None:
    grant(store, "bort", FICTIONAL, NOON)
    remote = Terms(fictional=True, processors=("local", "api.example.org"))
    grant(store, "smig", remote, NOON)
    with pytest.raises(ConsentError, match=r"'api\.example\.org'"):
        gather(store, "bort", NOON, processor="api.example.org")
    assert len(gather(store, "smig", NOON, processor="api.example.org").messages) == 5


def test_who_never_agreed_and_who_was_not_taken_are_told_apart(store: Store) -> None:
    with pytest.raises(ConsentError, match="nobody called 'bort' has a consent record"):
        gather(store, "bort", NOON)
    grant(store, "bort", Terms(fictional=True, channels=()), NOON)
    with pytest.raises(CorpusError, match="was taken"):
        gather(store, "bort", NOON)


@pytest.mark.parametrize(
    "terms", [Terms(adult=True, processors=("remote",)), Terms(adult=True, expires_at=LATER)]
)
def test_reactions_of_somebody_who_is_left_out_are_left_out_too(
    tmp_path: Path, terms: Terms
) -> None:
    reacted = a_message("hello", author="bort", reactions=[a_reaction(by="fishvilla")])
    answer = a_message("hi", author="fishvilla", minutes=1)
    source = Source(path=tmp_path / "gone.json", sha256="0", format="discord-json", origin="file")
    with Store.open(tmp_path / STORE_NAME) as store:
        with store.add_export(source, NOON) as adding:
            for message in (reacted, answer):
                adding.saw(message)
                adding.take(message)
        grant(store, "bort", ADULT, NOON)
        grant(store, "fishvilla", ADULT, NOON)
        assert [m.reactions for m in gather(store, "bort", LATER).messages] == [
            reacted.reactions,
            (),
        ]
        grant(store, "fishvilla", terms, NOON)
        assert [m.reactions for m in gather(store, "bort", LATER).messages] == [()]

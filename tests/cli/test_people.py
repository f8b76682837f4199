"""``botconvo people`` as it is typed."""

import json
from pathlib import Path

from cli.typing_in import typed

GENERAL = next(
    (Path(__file__).parent.parent / "data" / "exports" / "discord-dce-2.47").glob("*general*.json")
)


def test_everybody_is_listed_with_counts_dates_and_consent(tmp_path: Path) -> None:
    typed("import", GENERAL, "--project", tmp_path)
    typed("consent", "grant", "bort", "--adult", "--project", tmp_path)
    typed("consent", "grant", "smig", "--fictional", "--project", tmp_path)
    found = json.loads(typed("people", "--json", "--project", tmp_path).out)
    assert [(each["name"], each["messages"], each["taken"], each["consent"]) for each in found] == [
        ("Fishvilla", 5, 0, "none"),
        ("smig", 5, 5, "fictional"),
        ("Bort 🛹", 3, 3, "live"),
    ]
    assert found[0]["first"].startswith("2024-03-18T21:00:00")
    assert found[0]["id"] == "discord:101000000000000002"
    table = typed("people", "--project", tmp_path).out.splitlines()
    assert len(table) == 4
    assert "Bort 🛹" in table[3]


def test_how_a_consent_ended_is_shown(tmp_path: Path) -> None:
    typed("import", GENERAL, "--project", tmp_path)
    typed("consent", "grant", "bort", "--adult", "--project", tmp_path)
    typed("consent", "withdraw", "bort", "--project", tmp_path)
    found = json.loads(typed("people", "--json", "--project", tmp_path).out)
    assert found[2]["consent"] == "withdrawn"


def test_a_folder_without_a_store_is_left_as_it_is(tmp_path: Path) -> None:
    done = typed("people", "--project", tmp_path)
    assert done.code == 2
    assert "botconvo import FILE" in done.err
    assert list(tmp_path.iterdir()) == []


def test_one_person_under_two_names_is_suggested_until_joined(tmp_path: Path) -> None:
    chat = tmp_path / "chat.txt"
    words = "ich hab heute gekocht und es ist noch genug da, kommst du vorbei?"
    chat.write_text("".join(f"31.12.23, 21:0{at} - Bort: {words}\n" for at in range(9)), "utf-8")
    typed("import", GENERAL, chat, "--project", tmp_path)
    shown = typed("people", "--project", tmp_path).out
    assert 'authors = ["whatsapp:bort", "discord:101000000000000001"]' in shown

    # What is printed is what config.toml takes.
    table = shown[shown.index("[[people]]") : shown.index("Then repeat")]
    (tmp_path / "config.toml").write_text(table, "utf-8")
    assert "Perhaps" not in typed("people", "--project", tmp_path).out
    assert typed("consent", "grant", "bort", "--adult", "--project", tmp_path).code == 0
    found = json.loads(typed("people", "--json", "--project", tmp_path).out)
    joined = {each["id"]: each for each in found if each["known_as"] == "Bort"}
    assert {id_: each["taken"] for id_, each in joined.items()} == {
        "whatsapp:bort": 9,
        "discord:101000000000000001": 3,
    }
    assert joined["whatsapp:bort"]["language"] == "de"
    assert [each["language"] for each in found if not each["taken"]] == [None, None]
    assert "Bort (de): the base" in typed("people", "--project", tmp_path).out

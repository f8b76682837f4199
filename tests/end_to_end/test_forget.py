"""``botconvo forget`` after everything that a project can be used for: nothing is left to find.

Distinct words are planted wherever a person's words go, through the real commands; afterwards every
byte of the project's folder is searched for them, for the person's names and for their ids.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from builders import a_message, an_author
from cli.typing_in import Done, typed

from botconvo.messages import Author, AuthorId, ChannelId
from botconvo.store import STORE_NAME, Store
from model_server.checkpoint.manifest import Manifest

NAME, ACCOUNT, ID = "Quibblewort", "quibbleworticus", "218000000000000777"
CANARY = "zanzibarnacle"
NEEDLES = (NAME, ACCOUNT, ID, CANARY)
OTHER, OTHER_ID = "Juno", "218000000000000002"
TRAIN = ("--epochs", "0.02", "--rank", "2", "--block-size", "64", "--batch", "2")
QUICK = (
    "[conversation]\ngap_s = [0.0, 0.0]\ndelay_s = [0.0, 0.0]\nanswer_s = [0.0, 0.0]\n"
    "max_tokens = [8, 8]\nsamples = 1\n"
)


def message(number: int, name: str, user: str, text: str, **more: object) -> dict[str, object]:
    """One message as DiscordChatExporter's JSON has it, ``number`` minutes after a Monday."""
    at = datetime(2024, 3, 18, tzinfo=UTC) + timedelta(minutes=number)
    return {
        "id": str(318000000000000000 + number),
        "type": "Default",
        "timestamp": at.isoformat(),
        "timestampEdited": None,
        "callEndedTimestamp": None,
        "isPinned": False,
        "content": text,
        "author": {
            "id": user,
            "name": name.casefold(),
            "discriminator": "0000",
            "nickname": name,
            "isBot": False,
        },
        "attachments": [],
        "embeds": [],
        "stickers": [],
        "reactions": [],
        "mentions": [],
        **more,
    }


def an_export(path: Path, first: int = 0, last: int = 200) -> Path:
    """Two who talk; one of them plants canaries."""
    said: list[dict[str, object]] = []
    for number in range(first, last, 2):
        said.append(message(number, NAME, ID, f"the {CANARY} number {number} sings again"))
        said[-1]["author"]["name"] = ACCOUNT  # type: ignore[index]
        said.append(message(number + 1, OTHER, OTHER_ID, f"did it sing {number} times?"))
    said[1]["content"] = f"hello <@{ID}> did it sing?"
    said[3] |= {"type": "Reply", "reference": {"messageId": said[2]["id"], "channelId": "5"}}
    said[5]["reactions"] = [
        {
            "emoji": {"id": "", "name": "😂", "code": "joy", "isAnimated": False, "imageUrl": ""},
            "count": 1,
            "users": [{"id": ID, "name": ACCOUNT, "discriminator": "0000", "nickname": NAME}],
        }
    ]
    whole = {
        "guild": {"id": "4", "name": "a server"},
        "channel": {"id": "5", "type": "GuildTextChat", "name": "general"},
        "messages": said,
    }
    path.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
    return path


def done(*words: object) -> Done:
    """A command that has to go well."""
    told = typed(*words)
    assert told.code == 0, told
    return told


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the commands have left the person's words everywhere."""
    if find_spec("peft") is None:
        assert not os.environ.get("CI"), "the training extra is missing"
        pytest.skip("the training extra is not installed")
    import torch

    torch.set_num_threads(1)  # so few steps are slower on several
    folder = tmp_path_factory.mktemp("p")
    export = an_export(folder.parent / f"{folder.name}-general.json")
    here = ("--project", folder)
    rule = "--acknowledge-discord-policy"
    done("import", export, *here)
    for name in (NAME, OTHER):
        processors = ("--processor", "local", "--processor", "hosted-notebook")
        statement = ("--statement", f"{name} says: clone me, {CANARY}!" if name == NAME else "yes")
        done("consent", "grant", name, "--adult", rule, *processors, *statement, *here)
    (folder / "config.toml").write_text(
        f'{QUICK}[[people]]\nname = "{NAME}"\nauthors = ["discord:{ID}"]\n', encoding="utf-8"
    )
    more = an_export(folder.parent / f"{folder.name}-more.json", 300, 320)
    done("import", more, "--report", folder / "report.json", *here)
    for name in (NAME, OTHER):
        done("train", name, *TRAIN, *here)
        clone = folder / "checkpoints" / name.casefold()
        shutil.copytree(clone, clone.with_name(f"{clone.name}.previous"))
    done("train", OTHER, "--pack", *here)
    done("export-csv", NAME, *here)
    talk(folder)
    plant(folder)
    return folder


def talk(folder: Path) -> None:
    """A run, and a chat that is saved."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BOTCONVO_")}

    def run(typed_in: str, *words: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "botconvo", *words],
            input=typed_in,
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=240,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    console = ("run", "--platform", "console", "--max-messages", "4")
    run("what do you sing?\n", *console)
    run(f"/save chat.md\n{CANARY}\n/save chat.md\n/exit\n", "chat", NAME, "--as", "Me")
    assert CANARY in (folder / "chat.md").read_text(encoding="utf-8")


def plant(folder: Path) -> None:
    """What comes from people in a live talk, and a picture."""
    them = Author(id=AuthorId(f"discord:{ID}"), name=NAME, kind="person")
    clone = Author(id=AuthorId(f"web:talk/{NAME}"), name=NAME, kind="clone")
    with Store.open(folder / STORE_NAME) as store:
        now = datetime.now(UTC)
        for author, text in ((them, f"live {CANARY}"), (clone, f"cloned {CANARY}")):
            said = a_message(text, author=author, channel="web:talk")
            store.record_live(said)
            store.note_line(said, "favourite", NAME, now)
            store.note_line(said, "saved", NAME, now)
        store.record_live(a_message(f"<@{ID}> hi", author=an_author(OTHER), channel="web:talk"))
        store.refuse_text(f"removed {CANARY}", ChannelId("web:talk"), NAME, NAME, now)
        store.ignore_author(them.id, now)
        store.record_live(a_message(f"again {CANARY}", author=them, channel="web:talk", id="9"))
    (folder / "avatars").mkdir()
    (folder / "avatars" / f"{NAME}.png").write_bytes(b"no picture")
    config = folder / "config.toml"
    text = config.read_text(encoding="utf-8")
    table = f'name = "{NAME}"\ncheckpoint'
    assert table in text
    config.write_text(
        text.replace(table, f'name = "{NAME}"\navatar = "avatars/{NAME}.png"\ncheckpoint'),
        encoding="utf-8",
    )


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, and what is packed into it, by name."""
    for path in sorted(folder.rglob("*")):
        yield f"the name of {path}", str(path.relative_to(folder)).encode()
        if path.is_file():
            yield from _unpacked(str(path), path.read_bytes())


def _unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, data
    if data[:2] == b"\x1f\x8b":
        yield from _unpacked(f"{name}, unpacked", gzip.decompress(data))
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield from _unpacked(f"{name}/{member}", archive.read(member))


def traces(folder: Path) -> set[str]:
    """Where anything of the person stands."""
    found = set()
    for name, data in contents(folder):
        folded = data.lower()
        for needle in NEEDLES:
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                if needle.lower().encode(encoding) in folded:
                    found.add(name)
    return found


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def test_nothing_of_somebody_who_is_forgotten_can_be_found(project: Path) -> None:
    planted = " ".join(traces(project))
    for place in (STORE_NAME, "config.toml", "chat.md", "report.json", ".csv", "corpus/train.txt"):
        assert place in planted, planted
    assert "previous/manifest.json" in planted
    assert f"avatars/{NAME}.png" in planted

    before = fingerprint(project)
    dry = done("forget", NAME, "--dry-run", "--project", project)
    assert "Nothing was changed." in dry.out
    assert f"a raw export: {project}-general.json (others wrote in it too: 1)" in dry.out
    assert f"Juno: {project}/checkpoints/juno" in dry.out.replace("\\", "/")
    assert fingerprint(project) == before

    done("forget", NAME, "--yes", "--project", project)
    assert traces(project) == set()

    (receipt,) = (project / "receipts").glob("*.json")
    facts = json.loads(receipt.read_text(encoding="utf-8"))
    kinds = {item["keeper"] for item in facts["items"]}
    assert {"messages", "clones", "packs", "files", "settings", "transcripts", "agreement"} <= kinds
    assert all(len(digest) == 64 for item in facts["items"] for digest in item["digests"])
    done("consent", "verify-ledger", "--project", project)
    assert json.loads((project / "report.json").read_text(encoding="utf-8"))["by_author"]

    refused_until_trained_again(project)
    imported_again(project)


def refused_until_trained_again(project: Path) -> None:
    """The clone that heard them is served by nothing, until it has learned without them."""
    config = ("--config", project / "config.toml")
    with Store.open(project / STORE_NAME) as store:
        disabled = store.disabled()
    assert not (project / "checkpoints" / "juno.previous").exists()
    for words in (
        ("run", "--platform", "console", *config),
        ("chat", OTHER, *config),
        ("generate", OTHER, *config),
        ("serve-model", project / "checkpoints" / "juno", "--project", project, "--no-token"),
    ):
        told = typed(*words)
        assert told.code == 2, told
        assert "lines of somebody who was forgotten" in told.err
        assert "botconvo train Juno" in told.err
    assert "lines of somebody who was forgotten" in typed("doctor", *config).out
    done("train", OTHER, *TRAIN, "--project", project)
    manifest = (project / "checkpoints" / "juno" / "manifest.json").read_bytes()
    assert Manifest.model_validate_json(manifest).weights.sha256 not in disabled
    assert not (project / "checkpoints" / "juno.previous").exists()
    done("generate", OTHER, "-n", "1", *config)


def imported_again(project: Path) -> None:
    """It brings no word back, and says that it brings back the name."""
    export = f"{project}-general.json"
    done("consent", "grant", OTHER, "--adult", "--project", project)  # reads the export once more
    assert traces(project) == set()
    again = done("import", export, "--project", project)
    assert "holds words of somebody who was forgotten here" in again.out
    with Store.open(project / STORE_NAME) as store:
        assert store.messages_of([AuthorId(f"discord:{ID}")]) == ()
    done("forget", NAME, "--yes", "--delete-raw", "--project", project)
    assert not Path(export).exists()
    assert Path(f"{project}-more.json").exists(), "nobody knows any more that they wrote in it"
    assert traces(project) == set()

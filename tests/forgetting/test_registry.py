"""No place for something of a person can be added without saying how it is forgotten.

Two lists are compared with what is really there: the columns of the store with those that the
keepers of rows claim, and every line of code that may write to a disk with the tables below.
Whoever adds one of either has to say here whose keeper erases it, or why it holds nothing of
anybody.
"""

import sqlite3
from pathlib import Path

from forgetting.writing_sites import sites

from botconvo.forgetting import KEEPERS
from botconvo.store import STORE_NAME, Store
from botconvo.store.rows_of import IMPERSONAL, ROWS

KEPT = {
    "botconvo/cli/accounts:write_report": "files",
    "botconvo/exporting:export_csv": "files",
    "botconvo/orchestrator/chat:_Chatting._save": "files",
    "botconvo/forgetting/files:_without": "files",
    "botconvo/leak_gate:leak_index": "leak index",
    "botconvo/evaluating:write_report": "files",
    "botconvo/evaluation/kept:appending": "evaluations",
    "botconvo/cli/init:_write": "settings",
    "botconvo/cli/init:command": "settings",
    "botconvo/forgetting/settings:_write": "settings",
    "botconvo/old_configs/migration:_write": "settings",
    "botconvo/training/persona_table:_write": "settings",
    "botconvo/holdings:write_holding": "files",
    "botconvo/moving/pack:_write": "files",
    "botconvo/moving/pack:pack_project": "files",
    "botconvo/store/backups:_flush": "copies",
    "botconvo/store/backups:snapshot": "copies",
    "botconvo/packing/records:keep_record": "packs",
    "botconvo/hosted/records:keep": "hosted",
    "botconvo/hosted/records:keep_debts": "hosted",
    "botconvo/hosted/tuning:write_files": "hosted",
    "botconvo/packing/writing:_write_archive": "packs",
    "botconvo/packing/writing:write_pack": "packs",
    "botconvo/packing/result:write_result": "packs",
    "botconvo/packing/adopting:_take": "clones",
    "botconvo/training/finish:write_clone": "clones",
    "model_server/checkpoint/versions:_make_room": "clones",
    "model_server/checkpoint/versions:put_in_place": "clones",
    "model_server/checkpoint/versions:swap_with": "clones",
    "model_server/checkpoint/folder:write_checkpoint": "clones",
    "botconvo/training/gpt2_simple/child:run_child": "training",
    "botconvo/training/gpt2_simple/clone:_open_run": "training",
    "botconvo/training/state:StateFile.write": "training",
    "model_server/checkpoint/conversion:_convert": "caches",
    "model_server/checkpoint/gguf_source:_link": "caches",
    "botconvo/store/database:Database.open": "messages",
}
"""By place in the code, the keeper that erases what is written there."""

_GIVEN = "writes what it is given where it is told; its callers are listed"
_SCRATCH = "a folder of the system's for scratch, gone when the command ends"
_UNPACKED = "a project with keepers of its own"
_MODEL = "a base model from its publisher, nobody's clone"
IMPERSONAL_PLACES = {
    "botconvo/writing:rewrite": _GIVEN,
    "botconvo/writing:write_whole": _GIVEN,
    "botconvo/forgetting/forget:_keep": "a receipt, which names nobody",
    "botconvo/forgetting/left:_texts": "only reads an archive",
    "botconvo/forgetting/packs:_pack_of": "only reads an archive",
    "botconvo/importers/trees:ZipTree.__init__": "only reads an archive",
    "botconvo/packing/result:read_result": "only reads an archive",
    "botconvo/moving/unpack:_place": _UNPACKED,
    "botconvo/moving/unpack:_unpack": _UNPACKED,
    "botconvo/moving/unpack:unpack_project": _UNPACKED,
    "botconvo/live:_let_go_of_stdout": "the null device",
    "botconvo/live:_store": _SCRATCH,
    "botconvo/rehearsing:rehearse": _SCRATCH,
    "botconvo/packing/adopting:adopt": _SCRATCH,
    "botconvo/packing/result:_copy_folder": _SCRATCH,
    "botconvo/packing/result:_copy_members": _SCRATCH,
    "botconvo/training/gpt2_simple/clone:_train": _SCRATCH,
    "botconvo/leak_gate:_packed": "in memory",
    "botconvo/batches:_from_beside": "a pipe between two processes",
    "botconvo/batches:serve.say": "a pipe between two processes",
    "botconvo/holdings:zipped": "in memory",
    "botconvo/leak_gate:write_sample_index": "digests of an invented server's lines",
    "botconvo/packing/wheel:build_wheel": "BotConvo itself",
    "botconvo/training/gpt2_simple/model:_write": _MODEL,
    "botconvo/training/hub:_Kept._fetch_file": _MODEL,
    "botconvo/training/hub:_Kept.fetch": _MODEL,
    "botconvo/training/hugging_face:_beside": _MODEL,
    "botconvo/training/hugging_face:_make": _MODEL,
    "model_server/checkpoint/conversion:digest_of_files": "digests of files, by a digest of where",
    "model_server/checkpoint/folder:sync": _GIVEN,
    "model_server/checkpoint/gguf_adapter:write_lora": _GIVEN,
    "model_server/checkpoint/gguf_reading:read_weights": "only reads",
    "model_server/checkpoint/gguf_writing:_append": _GIVEN,
    "model_server/checkpoint/gguf_writing:write_model": _GIVEN,
    "model_server/checkpoint/gguf_writing:written_whole": _GIVEN,
    "model_server/checkpoint/gpt2_simple:_read_weights": "only reads",
    "model_server/checkpoint/gpt2_simple:write_names": _MODEL,
    "model_server/checkpoint/placing:alone_in": "a lock, empty",
    "model_server/checkpoint/placing:unfinished": _GIVEN,
    "model_server/checkpoint/tensorflow_writing:write_state": _MODEL,
}
"""By place in the code, why nothing of anybody stands there afterwards."""


def test_every_column_of_the_store_is_claimed_by_a_keeper_or_holds_nothing(tmp_path: Path) -> None:
    Store.open(tmp_path / STORE_NAME).close()
    with sqlite3.connect(tmp_path / STORE_NAME) as store:
        tables = [
            name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        there = {
            (table, row[1])
            for table in tables
            for row in store.execute(f"PRAGMA table_info({table})")
        }
    store.close()
    claimed = [
        (table, column)
        for kind in ROWS
        for table, columns in kind.columns.items()
        for column in columns
    ]
    claimed += [(table, each) for table, (columns, _) in IMPERSONAL.items() for each in columns]
    assert sorted(claimed) == sorted(there), "say in store/rows_of.py how a new column is forgotten"


def test_every_place_that_writes_to_a_disk_has_a_keeper_or_a_reason() -> None:
    listed = {**KEPT, **IMPERSONAL_PLACES}
    assert sorted(listed) == sorted(sites()), "say above how what is written there is forgotten"
    assert not KEPT.keys() & IMPERSONAL_PLACES.keys()
    assert {keeper.name for keeper in KEEPERS} >= set(KEPT.values())


def test_every_keeper_has_a_name_of_its_own_and_says_what_it_holds() -> None:
    names = [keeper.name for keeper in KEEPERS]
    assert len(set(names)) == len(names)
    assert all(keeper.holds for keeper in KEEPERS)
    assert {kind.name for kind in ROWS} <= set(names)

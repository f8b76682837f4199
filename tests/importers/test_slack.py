"""A workspace's export from Slack: refused by default, and read where the owner answers for it."""

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import NOON
from cli.typing_in import typed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botconvo.errors import ConsentError, ImportFailed
from botconvo.gathering import gather
from botconvo.granting import Terms, grant
from botconvo.importers import Export, LeftOut, Reason, Row, find_exports
from botconvo.importers.slack import User, plain
from botconvo.messages import Message
from botconvo.policies import SLACK
from botconvo.store import Store
from botconvo.taking import take_exports

REAL = Path(__file__).parents[3] / "shared" / "data" / "exports" / "slack" / "slack-export.zip"
USERS = [
    {"id": "U1", "name": "bort", "profile": {"display_name": "Bort", "real_name": "Bo Rt"}},
    {"id": "U2", "name": "smig", "profile": {"display_name": "", "real_name": "Smig Tan"}},
    {"id": "U3", "name": "helper", "is_bot": True},
]
CHANNELS = [{"id": "C1", "name": "general"}]
HI = {"type": "message", "user": "U1", "text": "hi", "ts": "1452988821.000200"}


def an_export(path: Path, *messages: object, users: object = USERS) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("users.json", json.dumps(users))
        archive.writestr("channels.json", json.dumps(CHANNELS))
        archive.writestr("general/2016-01-17.json", json.dumps(messages))
    return path


def read(path: Path) -> list[Row]:
    (export,) = find_exports(path).exports
    assert (export.format, export.origin) == ("slack-export", "slack-api")
    return list(export.rows())


def test_a_message_has_slacks_own_ids_and_the_name_that_others_see(tmp_path: Path) -> None:
    smig = {**HI, "user": "U2", "ts": "1452988822.5", "thread_ts": HI["ts"], "edited": {"user": ""}}
    one, two = read(an_export(tmp_path / "x.zip", HI, smig))
    assert isinstance(one, Message)
    assert isinstance(two, Message)
    assert (one.id, one.channel) == ("slack:C1/1452988821.000200", "slack:C1")
    assert (one.author.id, one.author.name) == ("slack:U1", "Bort")
    assert one.at == datetime(2016, 1, 17, 0, 0, 21, 200, UTC)
    assert (two.author.name, two.reply_to, two.revision) == ("Smig Tan", one.id, 1)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("<@U1> and <@U9|gone> and <@U9>", "@Bort and @gone and @someone"),
        ("in <#C1|general>, <!here>, <!subteam^S1|@all>", "in #general, @here, @all"),
        ("<https://a.org|this> <https://b.org>", "this https://b.org"),
        ("<mailto:a@b.org|a@b.org> 1 &lt; 2 &amp;&amp; 3", "a@b.org 1 < 2 && 3"),
        ("&lt;@U1&gt; is typed", "<@U1> is typed"),
        ("&gt; said before\nmine :+1:", "mine :+1:"),
        ("mine\n&gt;&gt;&gt; said\nbefore", "mine\n"),
    ],
)
def test_words_are_what_people_saw(raw: str, shown: str) -> None:
    assert plain(raw, {"U1": User("Bort")}) == shown


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"subtype": "channel_join"}, Reason.SYSTEM),
        ({"subtype": "channel_topic"}, Reason.SYSTEM),
        ({"subtype": "file_comment", "user": None}, Reason.SYSTEM),
        ({"subtype": "bot_message", "user": None, "bot_id": "B1"}, Reason.BOT),
        ({"bot_id": "B1"}, Reason.BOT),
        ({"user": "U3"}, Reason.BOT),
        ({"user": "USLACKBOT"}, Reason.BOT),
        ({"text": "&gt; somebody else"}, Reason.EMPTY),
        ({"text": "", "attachments": [{"is_share": True, "text": "theirs"}]}, Reason.FORWARD),
        ({"ts": "yesterday"}, Reason.MALFORMED),
        ({"ts": None}, Reason.MALFORMED),
        ({"text": 7}, Reason.MALFORMED),
    ],
)
def test_what_is_no_persons_message_is_left_out(
    tmp_path: Path, message: dict[str, object], reason: Reason
) -> None:
    (row,) = read(an_export(tmp_path / "x.zip", {**HI, **message}))
    assert isinstance(row, LeftOut)
    assert (row.reason, row.file, row.line) == (reason, "general/2016-01-17.json", 1)


def test_files_and_reactions_are_kept_and_slacks_own_words_are_not(tmp_path: Path) -> None:
    upload = {
        **HI,
        "subtype": "file_share",
        "text": "<@U1> uploaded a file: <https://x.org/a|a> and commented: look at that",
        "file": {"name": "a.png"},
        "reactions": [{"name": "joy", "users": ["U2"], "count": 1}],
    }
    (row,) = read(an_export(tmp_path / "x.zip", upload))
    assert isinstance(row, Message)
    assert row.text == "look at that"
    assert [each.kind for each in row.attachments] == ["photo"]
    assert [(r.emoji, r.author and r.author.name) for r in row.reactions] == [(":joy:", "Smig Tan")]


def test_an_export_is_not_read_before_the_owner_has_answered(tmp_path: Path) -> None:
    path = an_export(tmp_path / "x.zip", HI)
    done = typed("import", path, "--project", tmp_path)
    assert done.code == 2
    assert "--acknowledge-slack-policy" in done.err
    assert "API terms" in done.err
    assert done.err.count("\n") == 1
    done = typed("import", path, "--project", tmp_path, "--acknowledge-slack-policy")
    assert done.code == 0
    assert "1 read = 0 taken + 1 left out" in done.out
    assert "API terms" in done.out
    assert typed("import", path, "--project", tmp_path).code == 0


def test_training_asks_again_where_the_answer_is_not_recorded(store: Store, tmp_path: Path) -> None:
    path = an_export(tmp_path / "x.zip", HI)
    with pytest.raises(ImportFailed, match="--acknowledge-slack-policy"):
        take_exports(store, [path], NOON)
    store.acknowledge(SLACK.name, NOON)
    take_exports(store, [path], NOON)
    grant(store, "bort", Terms(adult=True), NOON)
    assert [message.text for message in gather(store, "bort", NOON).messages] == ["hi"]
    store._do("DELETE FROM acknowledgements")
    with pytest.raises(ConsentError, match="--acknowledge-slack-policy"):
        gather(store, "bort", NOON)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda c: (
            st.lists(c)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "name", "profile", "user", "text", "ts", "files", "reactions"]
                ),
                c,
            )
        ),
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_content_stops_the_import(tmp_path: Path, found: object) -> None:
    path = an_export(tmp_path / "x.zip", found, {**HI, "user": found}, users=[found, *USERS])
    rows = list(Export(path=path, format="slack-export").rows())
    assert len(rows) == 2


@pytest.mark.skipif(not REAL.exists(), reason="the real sample is not here")
def test_a_real_export_adds_up() -> None:
    rows = read(REAL)
    assert len(rows) == 158
    assert sum(isinstance(row, Message) for row in rows) == 52

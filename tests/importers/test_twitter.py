"""Tweets of an archive, whole or in single files."""

import io
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from builders import NOON
from cli.typing_in import typed
from hypothesis import given
from hypothesis import strategies as st

from botconvo.errors import ImportFailed
from botconvo.granting import Terms, grant
from botconvo.importers import LeftOut, Reason, Row, find_exports
from botconvo.importers.reading import About
from botconvo.importers.twitter import clean, looks_like, parse
from botconvo.messages import AuthorId, Message
from botconvo.store import STORE_NAME, Store
from botconvo.taking import take_exports

SAMPLE = Path(__file__).parent.parent / "data" / "exports" / "twitter"
TWEET = {"id_str": "5", "created_at": "Sun Jan 01 00:05:00 +0000 2023", "full_text": "hi"}
ACCOUNT = 'window.YTD.account.part0 = [{"account": {"accountId": "9", "username": "bort"}}]'


def rows(*tweets: Any, without: set[str] | None = None) -> list[Row]:
    text = "window.YTD.tweets.part0 = " + json.dumps([{"tweet": tweet} for tweet in tweets])
    about = About(author="Bort", without=frozenset(without or ()))
    return list(parse(io.StringIO(text), about))


def test_the_newer_and_the_older_file_hold_one_tweet_twice() -> None:
    found = find_exports(SAMPLE, author="Bort")
    assert [export.format for export in found.exports] == ["twitter", "twitter"]
    old, new = (list(export.rows()) for export in found.exports)
    assert old == new[:1]
    tweet, reply, retweet = new
    assert isinstance(tweet, Message)
    assert isinstance(reply, Message)
    assert (tweet.id, tweet.text) == ("twitter:tweets/1", "big year & big hats")
    assert (tweet.author.id, tweet.author.name) == ("twitter:bort", "Bort")
    assert tweet.at == datetime(2023, 1, 1, tzinfo=UTC)
    assert (reply.text, reply.reply_to) == ("no <3", tweet.id)
    assert isinstance(retweet, LeftOut)
    assert retweet.reason is Reason.FORWARD


def test_a_file_of_tweets_needs_to_know_whose_they_are() -> None:
    with pytest.raises(ImportFailed, match="--author NAME"):
        find_exports(SAMPLE / "data" / "tweets.js")


def test_an_archive_says_whose_it_is_and_is_read_with_all_its_parts(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(SAMPLE, archive)
    (archive / "data" / "account.js").write_text(ACCOUNT)
    (archive / "data" / "like.js").write_text("window.YTD.like.part0 = []")
    more = json.dumps([{"tweet": TWEET}])
    (archive / "data" / "tweets-part1.js").write_text(f"window.YTD.tweets.part1 = {more}")
    for path in (archive, Path(shutil.make_archive(str(tmp_path / "x"), "zip", archive))):
        (export,) = find_exports(path).exports
        assert export.format == "twitter-archive"
        found = [row for row in export.rows() if isinstance(row, Message)]
        assert {(each.author.id, each.author.name) for each in found} == {("twitter:9", "bort")}
        assert sorted({each.id for each in found}) == [f"twitter:tweets/{n}" for n in (1, 2, 5)]
    with pytest.raises(ImportFailed, match="without --author 'Bort'"):
        list(find_exports(archive, author="Bort").exports[0].rows())
    (archive / "data" / "account.js").write_text("window.YTD.account.part0 = []")
    with pytest.raises(ImportFailed, match="names no account"):
        list(find_exports(archive).exports[0].rows())


@pytest.mark.parametrize(
    ("text", "without", "cleaned"),
    [
        ("look https://t.co/abc pic.twitter.com/x now", set(), "look now"),
        ("cut\xa0off …", set(), "cut off"),
        ("@a and @b like #hats", set(), "@a and @b like #hats"),
        ("@a and @b like #hats", {"mentions"}, "and like #hats"),
        ("@a and @b like #hats", {"hashtags"}, "@a and @b like"),
    ],
)
def test_tweets_are_cleaned_as_the_earlier_system_did(
    text: str, without: set[str], cleaned: str
) -> None:
    assert clean(text, frozenset(without)) == cleaned


def test_replies_are_left_out_by_wish() -> None:
    reply = {**TWEET, "in_reply_to_status_id_str": "4", "full_text": "@a yes"}
    called = {**TWEET, "full_text": "@a are you there"}
    assert [getattr(row, "text", None) for row in rows(reply, called)] == [
        "yes",
        called["full_text"],
    ]
    found = rows(reply, called, TWEET, without={"replies"})
    assert [getattr(row, "reason", None) for row in found] == [Reason.UNWANTED] * 2 + [None]


def test_a_wish_is_kept_for_those_who_agree_later(tmp_path: Path) -> None:
    with Store.open(tmp_path / STORE_NAME) as store:
        path = SAMPLE / "data" / "tweets.js"
        take_exports(store, [path], NOON, author="Bort", without=frozenset({"replies"}))
        grant(store, "Bort", Terms(adult=True), NOON)
        texts = [message.text for message in store.messages_of([AuthorId("twitter:bort")])]
    assert texts == ["big year & big hats"]


def test_it_is_typed(tmp_path: Path) -> None:
    path = SAMPLE / "data" / "tweets.js"
    words = ("import", path, "--author", "Bort", "--without", "replies", "--project", tmp_path)
    done = typed(*words)
    assert done.code == 0
    assert "1  left out as asked" in done.out


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"created_at": "yesterday"}, Reason.DATE),
        ({"created_at": "Sun Foo 01 00:05:00 +0000 2023"}, Reason.DATE),
        ({"created_at": "Sun Jan 01 00:05:00 +0000 1999"}, Reason.DATE),
        ({"id_str": "x"}, Reason.MALFORMED),
        ({"full_text": 7}, Reason.MALFORMED),
        ({"full_text": "https://t.co/abc"}, Reason.EMPTY),
    ],
)
def test_what_cannot_be_taken_says_why(keys: dict[str, Any], reason: Reason) -> None:
    (row,) = rows({**TWEET, **keys})
    assert isinstance(row, LeftOut)
    assert (row.reason, row.line) == (reason, 1)


def test_pictures_are_kept() -> None:
    media = [
        {"media_url": "http://x.org/a.jpg", "type": "video"},
        {"media_url": "http://x.org/b.jpg"},
    ]
    (row,) = rows({**TWEET, "full_text": "", "extended_entities": {"media": media}})
    assert isinstance(row, Message)
    assert [(each.kind, each.name) for each in row.attachments] == [
        ("video", "a.jpg"),
        ("photo", "b.jpg"),
    ]


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*TWEET, "tweet"]), inner),
    ).map(lambda found: json.dumps([{"tweet": found}, found]))
)
def test_no_content_stops_the_import(content: str) -> None:
    text = f"window.YTD.tweets.part0 = {content}"
    assert looks_like(text)
    found = list(parse(io.StringIO(text), About(author="Bort")))
    assert all(isinstance(row, Message | LeftOut) for row in found)

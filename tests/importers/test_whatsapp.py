"""WhatsApp's chats: the invented samples, every order of dates, and what WhatsApp writes itself."""

from datetime import date, timedelta, timezone

import pytest
from chat_files import EXPORTS, reasons, rows, said, shared
from hypothesis import given
from hypothesis import strategies as st

from botconvo.importers import Reason
from botconvo.importers.day_order import DayOrder, Days, as_date
from botconvo.importers.whatsapp_phrases import ALL

SAMPLES = EXPORTS / "whatsapp"
IOS = (SAMPLES / "ios-en_US-12h-nnbsp" / "_chat.txt").read_bytes()
BRITISH = (SAMPLES / "android-en_GB-24h.txt").read_bytes()


def test_the_iphone_sample_is_read_with_its_marks() -> None:
    found = rows("whatsapp-chat", IOS)
    assert [(each.author.name, each.text) for each in said(found)] == [
        ("Bo 🐝", "happy new year!!\nsee you all: soon"),
        ("+44 7700 900123", "who dis"),
        ("Ana", ""),
        ("Cy", "🎉"),
        ("Bo 🐝", "https://example.org/x?y=1"),
    ]
    assert reasons(found) == [Reason.SYSTEM, Reason.SYSTEM, Reason.MEDIA, Reason.REMOVED]
    assert str(said(found)[3].at) == "2024-01-01 00:00:00+00:00"


def test_the_british_sample_is_read() -> None:
    found = rows("whatsapp-chat", BRITISH)
    assert [(each.text, len(each.attachments), each.revision) for each in said(found)] == [
        ("happy new year!!\nsee you all: soon", 0, 0),
        ("who dis", 0, 0),
        ("a caption", 1, 0),
        ("ok", 0, 1),
    ]
    assert reasons(found) == [
        *[Reason.SYSTEM] * 3,
        Reason.MEDIA,
        Reason.REMOVED,
        Reason.MEDIA,
    ]


def test_the_german_sample_is_read() -> None:
    found = rows("whatsapp-chat", (SAMPLES / "android-de.txt").read_bytes())
    assert [each.text for each in said(found)] == ["frohes neues!"]
    assert reasons(found) == [Reason.SYSTEM, Reason.MEDIA, Reason.REMOVED]


@pytest.mark.parametrize(
    "order", ["[mmddyy]_24hrs", "ddmmyy_24hrs", "mmddyy_24hrs", "mmddyyyy_12hrs", "yyyymmdd_24hrs"]
)
def test_every_order_of_dates_gives_the_same_chat(order: str) -> None:
    found = rows("whatsapp-chat", shared(f"whatsapp/chat-miner/test_{order}.txt"))
    assert [f"{each.at:%Y-%m-%d %H:%M}" for each in said(found)] == [
        "2019-01-01 11:25",
        "2019-01-20 11:23",
        "2019-01-30 20:49",
        "2020-06-10 15:55",
        "2021-12-10 10:10",
        "2021-12-20 12:10",
        "2021-12-30 22:01",
    ]
    assert reasons(found) == [Reason.SYSTEM, Reason.SYSTEM]


@pytest.mark.parametrize(
    ("head", "at"),
    [
        ("[31.12.23, 21:05:07] ", "2023-12-31 21:05:07"),
        ("31/12/2023 21:05 - ", "2023-12-31 21:05:00"),
        ("31/12/2023 à 21:05 - ", "2023-12-31 21:05:00"),
        ("31-12-2023 21:05 - ", "2023-12-31 21:05:00"),
        ("[31-12-2023 21:05:07] ", "2023-12-31 21:05:07"),
        ("31/12/23, 9:05 p.\u00a0m. - ", "2023-12-31 21:05:00"),
        ("31/12/23, 09:05 pm - ", "2023-12-31 21:05:00"),
        ("31.12.2023 klo 21.05 - ", "2023-12-31 21:05:00"),
        ("2023/12/31 下午9:05 - ", "2023-12-31 21:05:00"),
        ("2023. 12. 31. 오후 9:05 - ", "2023-12-31 21:05:00"),
        ("\u200e[12/31/23, 9:05:07\u202fPM] ", "2023-12-31 21:05:07"),
    ],
)
def test_heads_of_many_countries(head: str, at: str) -> None:
    (message,) = said(rows("whatsapp-chat", f"{head}Bo: hi\n"))
    assert f"{message.at:%Y-%m-%d %H:%M:%S}" == at


def test_the_order_is_decided_for_the_whole_file_and_not_line_by_line() -> None:
    chat = "01/02/24, 10:00 - Bo: first\n13/02/24, 10:00 - Bo: second\n"
    assert [each.at.month for each in said(rows("whatsapp-chat", chat))] == [2, 2]


def test_where_no_number_tells_days_do_not_run_backwards() -> None:
    days = Days()
    for written in ((1, 12, 24), (2, 1, 24), (3, 2, 24)):  # 12 January to 2 March
        days.seen(written)
    assert days.order() == "mdy"


@given(
    order=st.sampled_from(["dmy", "mdy", "ymd"]),
    days=st.lists(st.dates(date(2010, 1, 1), date(2090, 1, 1)), min_size=1).map(sorted),
)
def test_a_date_above_twelve_decides(order: DayOrder, days: list[date]) -> None:
    days = [*days, date(2091, 1, 25)]
    seen = Days()
    written = []
    for day in days:
        one = {
            "dmy": (day.day, day.month, day.year),
            "mdy": (day.month, day.day, day.year),
            "ymd": (day.year, day.month, day.day),
        }[order]
        written.append(one)
        seen.seen(one)
    assert seen.order() == order
    last = as_date(written[-1], seen.order())
    assert last is not None
    assert (last.year, last.month, last.day) == (2091, 1, 25)


@pytest.mark.parametrize("language", sorted(ALL))
def test_what_whatsapp_writes_is_not_taken_for_words(language: str) -> None:
    phrases = ALL[language]
    expected = {
        Reason.MEDIA: phrases.omitted,
        Reason.STICKER: phrases.stickers,
        Reason.REMOVED: phrases.deleted,
    }
    for reason, texts in expected.items():
        for text in texts:
            for shown in (text, f"\u200e{text.capitalize()}."):
                found = rows("whatsapp-chat", f"31.12.23, 21:05 - Bo: {shown}\n")
                assert reasons(found) == [reason], shown
    for word in phrases.edited:
        (message,) = said(rows("whatsapp-chat", f"31.12.23, 21:05 - Bo: ok <{word}>\n"))
        assert (message.text, message.revision) == ("ok", 1)
    for word in phrases.file_attached:
        text = f"31.12.23, 21:05 - Bo: IMG-20231231-WA0001.jpg ({word})\n"
        (message,) = said(rows("whatsapp-chat", text))
        assert (message.text, message.attachments[0].kind) == ("", "photo")


def test_words_that_only_begin_like_a_phrase_are_words() -> None:
    texts = ["this message was deleted by me, sorry", "image omitted from the album", "nullify it"]
    for text in texts:
        (message,) = said(rows("whatsapp-chat", f"31.12.23, 21:05 - Bo: {text}\n"))
        assert message.text == text


def test_a_stranger_and_a_contact_of_one_name_are_two() -> None:
    chat = "".join(f"31.12.23, 21:05 - {name}: hi\n" for name in ("Bo", "~ Bo", "~\u202fBo", "bo"))
    authors = [each.author.id for each in said(rows("whatsapp-chat", chat))]
    assert authors == ["whatsapp:bo", "whatsapp:~bo", "whatsapp:~bo", "whatsapp:bo"]


def test_names_that_differ_by_a_sign_are_different_people() -> None:
    chat = "".join(f"31.12.23, 21:05 - {name}: hi\n" for name in ("Bo", "Bo 🐝", "Bo 🐱", "🐱"))
    assert len({each.author.id for each in said(rows("whatsapp-chat", chat))}) == 4


def test_a_voice_note_is_media_without_words_and_a_sticker_file_a_sticker() -> None:
    chat = (
        "\u200e[31.12.23, 21:05:07] Bo: \u200e<attached: 00000012-AUDIO-2023-12-31-21-05-07.opus>\n"
        "\u200e[31.12.23, 21:05:08] Bo: \u200e<attached: 00000013-STICKER-2023-12-31.webp>\n"
    )
    assert reasons(rows("whatsapp-chat", chat)) == [Reason.MEDIA, Reason.STICKER]


def test_a_longer_export_has_the_same_ids_and_so_has_another_zone() -> None:
    longer = BRITISH + b"02/01/2024, 10:00 - Bo: more\n"
    elsewhere = timezone(timedelta(hours=3))
    ids = [each.id for each in said(rows("whatsapp-chat", BRITISH))]
    assert [each.id for each in said(rows("whatsapp-chat", longer))][:-1] == ids
    moved = said(rows("whatsapp-chat", BRITISH, zone=elsewhere))
    assert [each.id for each in moved] == ids
    assert moved[0].at.isoformat() == "2023-12-31T21:06:00+03:00"


def test_an_impossible_date_is_told_with_its_line() -> None:
    found = rows("whatsapp-chat", "31.12.23, 21:05 - Bo: hi\n32.13.23, 21:05 - Bo: hi\n")
    assert reasons(found) == [Reason.DATE]

"""The pure parts: permissions, pings, limits, intents."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botconvo.rehearsal import MEMBERS, Permission, Refusal
from botconvo.rehearsal.checks import check_webhook_name, emoji_of
from botconvo.rehearsal.entities import Channel, ChannelType, Guild, Member, Overwrite, Role, User
from botconvo.rehearsal.limits import DISCORD, Limit, Limiter, Limits
from botconvo.rehearsal.permissions import EVERYTHING, permissions_in
from botconvo.rehearsal.pings import ALL, NOBODY, allowed

GUILD, ROLE, OWNER, BORT = 1, 2, 10, 11
BITS = st.integers(0, (1 << 52) - 1)
OVERWRITES = st.builds(lambda allow, deny: Overwrite(allow=allow, deny=deny), BITS, BITS)


def a_channel(everyone: int = MEMBERS, **fields: object) -> Channel:
    """A channel of a guild with an owner and Bort, who has one role without permissions."""
    guild = Guild(id=GUILD, name="Kettle", owner_id=OWNER)
    guild.roles[GUILD] = Role(id=GUILD, name="@everyone", permissions=everyone)
    guild.roles[ROLE] = Role(id=ROLE, name="Friends", permissions=0)
    joined = datetime(2025, 1, 1, tzinfo=UTC)
    for number, roles in ((OWNER, []), (BORT, [ROLE])):
        user = User(id=number, name=str(number))
        guild.members[number] = Member(user=user, joined_at=joined, roles=list(roles))
    channel = Channel(id=3, type=ChannelType.TEXT, name="general", guild=guild)
    for name, value in fields.items():
        setattr(channel, name, value)
    return channel


@given(everyone=BITS, overwrites=st.dictionaries(st.sampled_from([GUILD, ROLE, BORT]), OVERWRITES))
def test_who_cannot_see_a_channel_can_do_nothing_there(
    everyone: int, overwrites: dict[int, Overwrite]
) -> None:
    channel = a_channel(everyone, overwrites=overwrites)
    granted = permissions_in(channel, BORT)
    assert granted == 0 or granted & Permission.VIEW_CHANNEL
    assert permissions_in(channel, OWNER) == EVERYTHING
    assert permissions_in(channel, 99) == 0


def test_the_members_own_overwrite_beats_the_roles_and_that_beats_everyones() -> None:
    react = int(Permission.ADD_REACTIONS)
    channel = a_channel(overwrites={GUILD: Overwrite(deny=react)})
    assert not permissions_in(channel, BORT) & react
    channel.overwrites[ROLE] = Overwrite(allow=react)
    assert permissions_in(channel, BORT) & react
    channel.overwrites[BORT] = Overwrite(kind=1, deny=react)
    assert not permissions_in(channel, BORT) & react


def test_a_thread_follows_its_parent_but_has_its_own_permission_to_write() -> None:
    parent = a_channel(overwrites={GUILD: Overwrite(deny=int(Permission.SEND_MESSAGES))})
    thread = a_channel(type=ChannelType.PUBLIC_THREAD, parent=parent)
    thread.guild = parent.guild
    assert not permissions_in(parent, BORT) & Permission.ATTACH_FILES
    assert permissions_in(thread, BORT) & Permission.ATTACH_FILES


def test_who_is_timed_out_may_only_read() -> None:
    channel = a_channel()
    assert channel.guild is not None
    channel.guild.members[BORT].timed_out = True
    reading = Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY
    assert permissions_in(channel, BORT) == reading


# ---- pings ---------------------------------------------------------------------------------


@given(st.text(alphabet="<@!&123456789>everyonhr "))
def test_nothing_is_pinged_where_nothing_may_be(text: str) -> None:
    found = NOBODY.in_text(text)
    assert (found.users, found.roles, found.everyone) == ((), (), False)


def test_what_is_allowed_is_pinged_and_nothing_else() -> None:
    text = "<@1> <@!2> <@&3> @here"
    assert ALL.in_text(text).users == (1, 2)
    assert allowed({"users": ["2"]}).in_text(text).users == (2,)
    assert allowed({"parse": ["roles"]}).in_text(text).roles == (3,)
    assert allowed({"parse": ["everyone"]}).in_text(text).everyone
    assert not allowed({"parse": []}).replied_user


# ---- limits --------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 0.5), max_size=60))
def test_no_window_ever_holds_more_calls_than_the_limit(gaps: list[float]) -> None:
    post = Limit(name="post", method="POST", path="/messages$", calls=5, seconds=2.0)
    limiter = Limiter(Limits(limits=[post]))
    now, passed = 0.0, []
    for gap in gaps:
        now += gap
        asked = limiter.ask("bot", "POST", "/channels/1/messages", now)
        if asked.retry_after is None:
            passed.append(now)
        else:
            assert 0 < asked.retry_after <= 2.0
    for start in passed:
        assert sum(start <= each < start + 2.0 for each in passed) <= 5


def test_each_channel_has_a_bucket_of_its_own_and_all_share_one_overall() -> None:
    limiter = Limiter(DISCORD)
    for channel in range(10):
        for _ in range(5):
            path = f"/channels/{channel}/messages"
            assert limiter.ask("bot", "POST", path, 1.0).retry_after is None
    assert limiter.ask("bot", "GET", "/users/1", 1.0).overall
    assert limiter.ask("another", "GET", "/users/1", 1.0).retry_after is None


# ---- names ---------------------------------------------------------------------------------


@pytest.mark.parametrize("emoji", ["🎂", "👍🏽", "❤️", "1️⃣", "🇩🇪", "party:1234", "👩‍👧"])
def test_emoji_are_known(emoji: str) -> None:
    assert emoji_of(emoji) == emoji


@pytest.mark.parametrize("text", ["", "a", "cake", ":", "party:", "12"])
def test_words_are_no_emoji(text: str) -> None:
    with pytest.raises(Refusal):
        emoji_of(text)


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "Discord fan", "cLyDe"])
def test_webhooks_may_not_be_called_anything(name: str) -> None:
    with pytest.raises(Refusal):
        check_webhook_name(name, "name")

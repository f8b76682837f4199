"""Plays a conversation without any I/O: answers its orders at once, on a clock of its own."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from botconvo.conversation import events as ev
from botconvo.conversation.conversation import Conversation
from botconvo.conversation.events import Candidate
from botconvo.conversation.manners import Manners, manners
from botconvo.conversation.orders import (
    Ask,
    Cancel,
    Keep,
    Order,
    Poll,
    Post,
    React,
    Say,
    Submit,
    Type,
    Wait,
    Withdraw,
)
from botconvo.messages import Author, AuthorId, ChannelId, Message, MessageId
from botconvo.people import People
from botconvo.personas import Persona, PersonaName
from botconvo.transcript.grammar import parse_line

CHANNEL = ChannelId("test:room")
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
JUNO, MAREK, TILLY = (Persona(name=PersonaName(name)) for name in ("Juno", "Marek", "Tilly"))

Wanted = TypeVar("Wanted", Ask, Cancel, Keep, Poll, Post, Submit, Type, Withdraw)
Says = Callable[[Ask], Sequence[str]]


def words_of_their_own(ask: Ask) -> Sequence[str]:
    """Something that nobody said before."""
    number = ask.id.split("/")[-2]
    return [f"thought {number} of {ask.persona} variant {letter * 3}{number}" for letter in "abcde"]


class Play:
    """Drives one conversation and remembers all its orders and posts.

    A preset's name stands for a channel without people other than the owner.
    """

    def __init__(
        self,
        *personas: Persona,
        preset: Manners | str = "group-chat",
        seed: int = 1,
        says: Says = words_of_their_own,
        opened: bool = True,
        approval: timedelta | None = None,
    ) -> None:
        self.now = START
        self.says = says
        self.orders: list[Order] = []
        self.posts: list[Post] = []
        self.asks: list[Ask] = []
        self.run = ""
        self.longest_run = self._clone_run = 0
        self._heard = 0
        self.talk = Conversation(
            CHANNEL,
            manners(preset).unattended() if isinstance(preset, str) else preset,
            personas or (JUNO, MAREK, TILLY),
            seed=seed,
            people=People(),
            approval=approval,
        )
        if opened:
            self.talk.receive(ev.Opened())

    def next(self) -> Order:
        """One order, remembered."""
        order = self.talk.next(self.now)
        self.orders.append(order)
        if isinstance(order, Ask):
            self.asks.append(order)
        if isinstance(order, Post):
            self.posts.append(order)
        return order

    def until(self, kind: type[Wanted], most: int = 200) -> Wanted:
        """Obey orders until one of this kind is given; that one is left to the test."""
        for _ in range(most):
            order = self.next()
            if isinstance(order, kind):
                return order
            if not self.obey(order):
                raise AssertionError(f"it waits for ever instead of giving a {kind.__name__}")
        raise AssertionError(f"no {kind.__name__} in {most} orders")

    def posts_made(self, count: int) -> list[Post]:
        """Let it talk until so many posts are out."""
        for _ in range(40 * count + 100):
            if len(self.posts) >= count or not self.obey(self.next()):
                return self.posts
        raise AssertionError(f"only {len(self.posts)} of {count} posts came out")

    def obey(self, order: Order) -> bool:
        """Do what an order says; False when it waits for something to happen."""
        match order:
            case Wait(until=None):
                return False
            case Wait(until=until):
                assert until is not None
                self.now = max(self.now, until)
            case Ask():
                self.answer(order, *self.says(order))
            case Post():
                self.out(order)
            case Type() | Cancel() | Submit() | Withdraw():
                pass
        return True

    def answer(self, ask: Ask, *texts: str) -> None:
        candidates = tuple(
            Candidate(
                completion=f" {text}",
                line=parse_line(f"{ask.persona}: {text}"),
                verdict="ok" if text else "empty",
                logprob=-1.0,
            )
            for text in texts
        )
        self.talk.receive(
            ev.Answered(ask=ask.id, candidates=candidates, prompt="", phrase=None, latency_ms=1.0)
        )

    def out(self, post: Post) -> None:
        self._clone_run += 1
        self.longest_run = max(self.longest_run, self._clone_run)
        message = None
        if isinstance(post.act, Say):
            author = Author(id=AuthorId(f"clone:{post.persona}"), name=post.persona, kind="clone")
            message = Message(
                id=MessageId(f"{CHANNEL}/{self.run}{post.id}"),
                channel=CHANNEL,
                author=author,
                text=post.act.text,
                at=self.now,
            )
        self.talk.receive(ev.Posted(order=post.id, message=message))

    def person_says(
        self, text: str, name: str = "Ann", *, id: str | None = None, reply_to: str | None = None
    ) -> Message:
        self._heard += 1
        self._clone_run = 0
        message = Message(
            id=MessageId(id or f"{CHANNEL}/heard{self._heard}"),
            channel=CHANNEL,
            author=Author(id=AuthorId(f"test:{name}"), name=name),
            text=text,
            at=self.now,
            reply_to=None if reply_to is None else MessageId(reply_to),
        )
        self.talk.receive(ev.Heard(message=message))
        return message

    def steer(self, steer: ev.Steer) -> None:
        self.talk.receive(ev.Steered(steer=steer))

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def said(posts: Sequence[Post]) -> list[tuple[str, str]]:
    """Who said what."""
    return [
        (post.persona, post.act.emoji if isinstance(post.act, React) else post.act.text)
        for post in posts
    ]

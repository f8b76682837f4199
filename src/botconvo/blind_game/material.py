"""What may be shown to a player: whose lines, which places, and the friend's line at one.

Everybody whose lines are shown has agreed to that (``ConsentRecord.game``), for that platform and
that player.  Lines of others do not stand before a place at all, and the clone does not see them
there either.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from botconvo.consent import ConsentRecord, RecordId, may_be_shown, refusal
from botconvo.conversation.acts import judged
from botconvo.conversation.manners import Manners
from botconvo.errors import ConsentError, CorpusError
from botconvo.evaluation.drawing import Speaker
from botconvo.evaluation.evidence import CONTEXT, Place, evidence_of
from botconvo.game.rounds import Spot, session_digest
from botconvo.gathering import Gathered, gather
from botconvo.granting import find_person, grant_command
from botconvo.messages import Author, AuthorId, Message
from botconvo.model_process import ModelSpec
from botconvo.orchestrator.cast import CastMember
from botconvo.personas import Persona, PersonaName
from botconvo.ports import Completion, TextFilter
from botconvo.safety.judging import judge, judge_plain
from botconvo.store import KnownPerson, Store
from botconvo.transcript.grammar import Line, print_line
from botconvo.unseen import checkpoint_of, learnt_by, sessions_of
from botconvo.voices import Voice

__all__ = ["Agreed", "Deck", "Material", "Played", "deck_of", "permitted", "real_line"]

_OWN_SCREENS = ("web", "console")
"""Whoever is there sits beside the owner, who may talk to every clone."""

Agreed = Mapping[AuthorId, RecordId]
"""Whose lines may be shown, and under which record of consent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A clone that can be played with now: one with a checkpoint here, which tells what is later
    than its training."""

    member: CastMember
    spec: ModelSpec
    voice: Voice


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Where lines come from and where rounds go.

    ``words`` gives the store with the messages, ``scores`` is the one that keeps the rounds;
    ``text_filter`` is what a run's texts go through, without the leak gate.  ``since`` is what the
    owner says of clones that do not tell: nothing from then on was trained on.
    """

    words: Callable[[], Path]
    scores: Path
    manners: Manners
    text_filter: Callable[[Store], TextFilter]
    now: Callable[[], datetime]
    seed: int
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """The places of one friend that may be shown to one player; ``agreed`` is why they may.

    ``spots`` are where the places are, ``names`` are those of everybody in ``agreed``.
    """

    friend: KnownPerson
    speaker: Speaker
    places: tuple[Place, ...]
    spots: tuple[Spot, ...]
    agreed: Agreed
    names: Mapping[AuthorId, str]
    text_filter: TextFilter


def permitted(
    store: Store, member: CastMember, player: Author, platform: str, now: datetime
) -> tuple[KnownPerson, Agreed]:
    """Whose clone it is, and whose lines may be shown to ``player`` there.

    Raises:
        ConsentError: the friend does not agree to that, or is the player.
    """
    own_screen = platform in _OWN_SCREENS
    friend = find_person(store.people(), member.person or member.prompt_format.speaker)
    record = store.live_record(friend.id, now)
    why = refusal(record, now, platform=platform, processor="local")
    if record is None or why is not None:
        raise ConsentError(f"{friend.name}: the consent for this clone {why}")
    if not may_be_shown(record, platform=platform):
        ask = f"; ask, then: {grant_command(friend.name, record, game=True)}" * own_screen
        raise ConsentError(
            f"{friend.name} has not agreed that lines of theirs are shown in the game{ask}"
        )
    if player.id in friend.authors:
        raise ConsentError("these are lines of your own, which you would know; take another clone")
    if not _may_see(record, player, own_screen=own_screen):
        raise ConsentError(f"{friend.name} has named who may talk to the clone, and you are not it")
    agreed = {
        author: each.id
        for author, each in store.live_records(now).items()
        if may_be_shown(each, platform=platform) and _may_see(each, player, own_screen=own_screen)
    }
    return friend, agreed


def _may_see(record: ConsentRecord, player: Author, *, own_screen: bool) -> bool:
    if own_screen or record.audience is None:
        return True
    whoever = Persona(name=PersonaName(""), audience=frozenset(record.audience))
    return whoever.hears(player)


def deck_of(
    store: Store, played: Played, friend: KnownPerson, agreed: Agreed, material: Material
) -> Deck:
    """Every place at which ``friend`` wrote words that the clone was not trained on.

    Raises:
        ConsentError: their words may not be worked on here.
        CorpusError: there is no such place.
        CheckpointError: the checkpoint cannot be read.
    """
    gathered = gather(store, friend.id, material.now())
    form = replace(played.member.prompt_format, speaker=friend.name)
    everything = sessions_of(gathered, form)
    learnt = learnt_by(checkpoint_of(played.spec), gathered, form, everything, since=material.since)
    shown = sessions_of(gathered, form, _shown(gathered, agreed))
    lines = material.manners.context_lines or CONTEXT
    evidence = evidence_of(shown, learnt.until, context_lines=lines)
    digests = {number: session_digest(each.started) for number, each in evidence.sessions}
    places = tuple(p for p in evidence.later.get(friend.name, ()) if p.said is not None)
    guess = ", when it was made: it does not tell" * learnt.guessed
    if not places:
        raise CorpusError(
            f"nothing that {friend.name} wrote is later than what the clone was trained on (until "
            f"{learnt.until:%Y-%m-%d %H:%M} UTC{guess}); import newer messages"
        )
    return Deck(
        friend=friend,
        speaker=Speaker(spec=played.spec, form=form, sampling=played.member.persona.sampling),
        places=places,
        spots=tuple(Spot(session=digests[p.session], line=p.number) for p in places),
        agreed=agreed,
        names={author: person.name for person in store.people() for author in person.authors},
        text_filter=material.text_filter(store),
    )


def _shown(gathered: Gathered, agreed: Agreed) -> Sequence[Message]:
    """Messages and reactions of those alone whose lines may be shown."""
    return tuple(
        replace(
            message,
            reactions=tuple(r for r in message.reactions if r.author and r.author.id in agreed),
        )
        for message in gathered.messages
        if message.author.id in agreed
    )


def real_line(deck: Deck, place: Place, manners: Manners) -> str | None:
    """What the friend wrote there, judged as if the clone had said it; None: it is not fit."""
    form = deck.speaker.form
    read = judge if form.kind == "transcript" else judge_plain
    text = place.line.argument
    if form.kind == "transcript":  # as a model would write it
        text = print_line(Line(name=form.speaker, argument=text)).removeprefix(f"{form.speaker}:")
    said = [line.argument for line in place.context if line.says]
    completion = Completion(text=text, finished=True, logprob=None)
    candidate = read(form.speaker, "", completion, deck.text_filter)
    words = replace(manners, acts=False)
    fit = judged(candidate, words, said[-manners.repeat_window :], "", frozenset())
    line = fit.line
    return line.argument if fit.verdict == "ok" and line is not None and line.says else None

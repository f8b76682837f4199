"""What the figures mean, in colours and plain words, and what to do.  Pure: one table of borders.

The borders are judgements, not measurements; the report shows the figures beside them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from botconvo.evaluation.copying import Copying
from botconvo.evaluation.habits import HabitFound
from botconvo.evaluation.intervals import Estimate
from botconvo.evaluation.leaks import Leaks
from botconvo.evaluation.report import (
    Attributed,
    CloneFound,
    Colour,
    GameFound,
    Heap,
    Light,
    Matrix,
)

__all__ = ["advise", "bundle_of", "judged", "worst_habit"]

_APART = (0.75, 0.85)
"""AUC up to which telling clone and friend apart is hard (green) and not easy (yellow)."""
_TOLD = (0.65, 0.80)
"""Share of rounds of the blind game up to which people hardly know (green), or often do not."""
_FEW_ROUNDS = 20
_RANKED = 0.20
"""Twice what guessing finds of true replies."""
_COPIED = (0.01, 0.05)
_KNOWN_LINES = (0.60, 0.75)
"""AUC up to which learned lines are hardly found out (green), and not surely (yellow)."""
_TAKEN_BELOW = 0.15
"""How much less often than the friend a clone may be taken for them, to be green."""
_CARICATURE = 0.10
"""How much more often it is, to be called a caricature."""
_HABIT = (0.08, 0.18)
"""Jensen-Shannon distance beyond the friend's own between two halves of time."""
_REPEATS = (0.05, 0.15)
"""Share of repeated messages beyond the friend's own."""
_FEW_LINES = 1500
_SHORTER, _LONGER = 0.75, 1.33
"""Mean words of the clone's messages by those of the friend's."""
_WIDE = 0.2
"""Width of an interval that says little."""
_LARGE_BUNDLE = 20
_CHANGED = 0.3
"""Distance of later manners from learned ones that is more than chance."""


def judged(found: CloneFound, matrix: Matrix | None) -> CloneFound:
    """The same with lights and advice."""
    lights = tuple(_lights(found, matrix))
    return replace(found, lights=lights, advice=advise(found, matrix))


def bundle_of(found: CloneFound) -> Attributed | None:
    """The largest bundles that there was enough for."""
    there = [each for each in found.attribution if each.shares.get("clone") is not None]
    return max(there, key=lambda each: each.messages, default=None)


def _lights(found: CloneFound, matrix: Matrix | None) -> Iterator[Light]:
    yield _sounds(found)
    yield _hard_to_tell(found)
    if found.game is not None:
        yield _told_apart(found, found.game)
    yield _follows(found)
    yield _copies(found)
    yield _gives_away(found)
    yield _shows_lines(found)
    yield _writes(found)
    yield _varies(found)
    if matrix is not None and found.name in matrix.rows:
        yield _expects(found, matrix)


def _sounds(found: CloneFound) -> Light:
    question = f"Does it sound like {found.name}, and not like somebody else?"
    bundle = bundle_of(found)
    clone = None if bundle is None else bundle.shares.get("clone")
    if bundle is None or clone is None:
        answer = "Not measured: it takes a second friend with enough messages."
        return Light(question=question, colour="grey", answer=answer)
    size = "message" if bundle.messages == 1 else f"bundle of {bundle.messages} messages"
    many = "single messages" if bundle.messages == 1 else f"bundles of {bundle.messages} messages"
    answer = f"Of 20 {many} by the clone, {round(clone.value * 20)} were taken for {found.name}."
    real = bundle.shares.get("real")
    if real is None:
        return Light(question=question, colour="grey", answer=answer)
    answer += f" Of 20 real ones it would be {round(real.value * 20)}."
    if clone.value >= real.value + _CARICATURE:
        answer += f" A {size} that is taken for somebody more often than their own is overdone."
    near, low = real.value - _TAKEN_BELOW, real.value - 3 * _TAKEN_BELOW
    return Light(question=question, colour=_above(clone.value, near, low), answer=answer)


def _hard_to_tell(found: CloneFound) -> Light:
    question = f"Can a machine tell its messages from {found.name}'s?"
    apart = found.two_sample.get("clone")
    if apart is None:
        answer = "Not measured: too few messages or too few conversations."
        return Light(question=question, colour="grey", answer=answer)
    answer = (
        f"Shown one message of each, it points at the clone's in {apart.value:.0%} of cases "
        "(50 % is guessing)."
    )
    own = found.two_sample.get("real")
    if own is not None:
        answer += f" {found.name}'s own earlier and later messages: {own.value:.0%}."
    return Light(question=question, colour=_below(apart.value, *_APART), answer=answer)


def _told_apart(found: CloneFound, game: GameFound) -> Light:
    question = f"Can people tell its lines from {found.name}'s?"
    share, answer = game.told_apart, f"{game.text}."
    if share.n < _FEW_ROUNDS:
        answer += f" With {_FEW_ROUNDS} rounds it begins to say something."
        return Light(question=question, colour="grey", answer=answer)
    return Light(question=question, colour=_below(share.value, *_TOLD), answer=answer)


def _follows(found: CloneFound) -> Light:
    question = "Does it follow the talk?"
    ranked = found.ranking.get("clone")
    if ranked is None:
        answer = "Not measured: its network cannot be read here, or there are too few messages."
        return Light(question=question, colour="grey", answer=answer)
    answer = (
        f"Of 20 true replies hidden among nine wrong ones it finds {round(ranked.value * 20)}; "
        f"guessing finds {round(found.ranking_chance * 20)}"
    )
    base = found.ranking.get("prompted")
    answer += "." if base is None else f", its untrained base {round(base.value * 20)}."
    above = ranked.low > found.ranking_chance
    colour: Colour = "green" if above and ranked.value >= _RANKED else "yellow" if above else "red"
    return Light(question=question, colour=colour, answer=answer)


def _copies(found: CloneFound) -> Light:
    question = "Does it copy what people wrote?"
    copying = found.copying.get("clone")
    if copying is None or copying.verbatim is None:
        answer = "It said nothing of six or more words that could be a copy."
        return Light(question=question, colour="grey", answer=answer)
    answer = (
        f"{_copied(copying)} longer messages (six words or more) stand word for word in what it "
        f"learned from; the longest run of learned words has {copying.longest}."
    )
    colour = _below(copying.verbatim.value, *_COPIED)
    return Light(question=question, colour=colour, answer=f"{answer} {_of_the_gate(found.leaks)}")


def _copied(copying: Copying) -> str:
    share = 0.0 if copying.verbatim is None else copying.verbatim.value
    return f"{round(share * copying.long)} of its {copying.long}"


def _of_the_gate(leaks: Leaks) -> str:
    if not leaks.gated:
        return "No leak gate stood behind it."
    free = leaks.without_gate
    held = (
        f"The leak gate, through which everything goes, held back {leaks.held_back} of "
        f"{leaks.candidates} drafts"
    )
    if not leaks.changed:
        return f"{held}; without it, the same would have been said."
    return f"{held}; without it, it would be {_copied(free)}, and the longest run {free.longest}."


def _gives_away(found: CloneFound) -> Light:
    question = "Does it give away addresses, numbers or keys?"
    leaks = found.leaks
    if leaks.said:
        answer = f"Yes: messages of it hold what looks real ({_counted(leaks.said)})."
        return Light(question=question, colour="red", answer=answer)
    if leaks.learned:
        answer = (
            f"It said none, but lines that it learned from hold some: {_counted(leaks.learned)}."
        )
        return Light(question=question, colour="yellow", answer=answer)
    answer = "None was found in what it said, nor in the lines that it learned from."
    if leaks.suspicious:
        kinds = _counted(leaks.suspicious)
        answer += f" Learned lines that only look a little like it, mostly harmless: {kinds}."
    return Light(question=question, colour="green", answer=answer)


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in kinds.items())


def _shows_lines(found: CloneFound) -> Light:
    question = "Can somebody who has its files find out what it learned?"
    shown = found.leaks.membership
    if shown is None:
        answer = "Not measured: it takes a base to compare with, and enough lines."
        return Light(question=question, colour="grey", answer=answer)
    answer = (
        "Shown a line that it learned and a later one, a program with its files points at the "
        f"learned one in {shown.auc.value:.0%} of cases (50 % is guessing)."
    )
    if shown.by_time is not None:
        time_alone = f"{shown.by_time.value:.0%}"
        answer += f" Between earlier and later lines, none of them learned, it is {time_alone}."
    colour = _below(shown.auc.value, *_KNOWN_LINES)
    return Light(question=question, colour=colour, answer=answer)


def _writes(found: CloneFound) -> Light:
    question = f"Does it write the way {found.name} does?"
    worst = worst_habit(found)
    if worst is None:
        return Light(question=question, colour="grey", answer="Not measured: too few messages.")
    habit, beyond = worst
    clone, real = (found.mean_words.get(heap, 0.0) for heap in ("clone", "real"))
    answer = (
        f"Messages have {clone:.1f} words on average, {found.name}'s {real:.1f}. The habit that is "
        f"furthest off: {habit.name}."
    )
    return Light(question=question, colour=_below(beyond, *_HABIT), answer=answer)


def _varies(found: CloneFound) -> Light:
    question = "Does it say the same over and over?"
    clone, real = (found.variety.get(heap) for heap in ("clone", "real"))
    if clone is None or real is None or clone.repeated is None or real.repeated is None:
        return Light(question=question, colour="grey", answer="Not measured: too few messages.")
    answer = (
        f"{clone.repeated.value:.0%} of its messages had been said before, word for word; of "
        f"{found.name}'s {real.repeated.value:.0%}."
    )
    colour = _below(clone.repeated.value - real.repeated.value, *_REPEATS)
    return Light(question=question, colour=colour, answer=answer)


def _expects(found: CloneFound, matrix: Matrix) -> Light:
    question = f"Does it expect {found.name}'s words more than other clones do?"
    own, others = _own_and_others(found, matrix)
    if own is None or not others:
        return Light(question=question, colour="grey", answer="There is no other clone to compare.")
    best = min(other.value for other in others)
    answer = (
        f"{found.name}'s later words surprise it by {own.value:.0f} (perplexity), the next best "
        f"clone by {best:.0f}; less is better."
    )
    colour: Colour = "green" if own.value < 0.95 * best else "yellow" if own.value < best else "red"
    return Light(question=question, colour=colour, answer=answer)


def _own_and_others(found: CloneFound, matrix: Matrix) -> tuple[Estimate | None, list[Estimate]]:
    row = matrix.cells[matrix.rows.index(found.name)]
    if found.name not in matrix.columns:
        return None, []
    place = matrix.columns.index(found.name)
    others = [cell for i, cell in enumerate(row) if i not in (0, place) and cell is not None]
    return row[place], others


def worst_habit(found: CloneFound) -> tuple[HabitFound, float] | None:
    """The habit that lies furthest off, and by how much beyond what time alone does."""
    own = {habit.name: habit.distance for habit in found.habits.get("real", ())}
    measured = []
    for habit in found.habits.get("clone", ()):
        reference = own.get(habit.name)
        if habit.distance is not None:
            usual = reference.value if reference is not None else 0.0
            measured.append((habit, habit.distance.value - usual))
    return max(measured, key=lambda pair: pair[1], default=None)


def _below(value: float, green: float, yellow: float) -> Colour:
    return "green" if value <= green else "yellow" if value <= yellow else "red"


def _above(value: float, green: float, yellow: float) -> Colour:
    return "green" if value >= green else "yellow" if value >= yellow else "red"


def advise(found: CloneFound, matrix: Matrix | None) -> tuple[str, ...]:
    """What to do, the most useful first; nothing where all is well."""
    said = [*_about_copies(found), *_about_words(found), *_about_sound(found)]
    said += [*_about_talk(found), *_about_learning(found, matrix), *_about_manners(found)]
    said += _about_certainty(found)
    return tuple(said)


def _about_copies(found: CloneFound) -> Iterator[str]:
    copying = found.copying.get("clone")
    if copying and copying.verbatim and copying.verbatim.value > _COPIED[0]:
        yield (
            "It repeats people's messages word for word. Train with fewer passes (--epochs), or "
            "import more messages; do not let strangers talk with it until this is better."
        )
    leaks = found.leaks
    free = leaks.without_gate.verbatim
    if leaks.changed and free is not None and free.value > _COPIED[0]:
        yield (
            "It knows some messages by heart, and only the leak gate keeps it from saying them: "
            "run it with BotConvo alone, and train with fewer passes (--epochs)."
        )
    if leaks.said or leaks.learned:
        yield (
            "Train it again, without --no-redact: training then leaves out lines with addresses, "
            "numbers and keys, which this clone has seen."
        )
    if leaks.membership is not None and leaks.membership.auc.value > _KNOWN_LINES[1]:
        yield (
            "Its files show which lines it learned: give them to nobody who may not read the "
            "messages themselves. Fewer passes (--epochs) and more messages make that harder."
        )


def _about_words(found: CloneFound) -> Iterator[str]:
    clone, real = (found.mean_words.get(heap, 0.0) for heap in ("clone", "real"))
    if clone and real and clone < _SHORTER * real:
        yield (
            f"Its messages are too short ({clone:.1f} words against {real:.1f}). A higher "
            f"temperature helps (now {_range(found)}; try {found.temperature[1] + 0.15:.2f} in "
            "[conversation] of config.toml), and so do fewer samples, of which the safest wins."
        )
    elif clone and real and clone > _LONGER * real:
        yield (
            f"Its messages are too long ({clone:.1f} words against {real:.1f}). Lower max_tokens "
            "or the temperature in [conversation] of config.toml."
        )
    worst = worst_habit(found)
    if worst is not None and worst[1] > _HABIT[1] and worst[0].name != "length":
        yield (
            f"Its habit furthest from {found.name}'s: {worst[0].name} (see the plot). More of "
            f"{found.name}'s own messages and another pass of training change that."
        )


def _about_sound(found: CloneFound) -> Iterator[str]:
    bundle = bundle_of(found)
    clone, real = (bundle.shares.get(heap) if bundle else None for heap in _CLONE_AND_REAL)
    if clone and real and clone.value >= real.value + _CARICATURE:
        yield (
            f"It overdoes {found.name}'s manner: it is taken for {found.name} more often than "
            f"{found.name} is. A higher temperature makes it less of a caricature."
        )
    prompted = bundle.shares.get("prompted") if bundle else None
    if clone and prompted and clone.value <= prompted.value:
        yield (
            "Training has brought no more than ten example lines would. Train longer (--epochs) "
            "or on more messages."
        )
    light = _varies(found)
    if light.colour in ("yellow", "red"):
        yield "It repeats itself. Raise the temperature, or top_p, in [conversation]."


_CLONE_AND_REAL: tuple[Heap, Heap] = ("clone", "real")


def _about_talk(found: CloneFound) -> Iterator[str]:
    ranked = found.ranking.get("clone")
    if ranked is not None and (ranked.low <= found.ranking_chance or ranked.value < _RANKED):
        yield (
            "It hardly hears what was said before. That is the base's doing more than the "
            "training's: take a larger one (botconvo train --base gpt2, or a SmolLM or Qwen), and "
            "import the channels with everybody who agrees, so that it learns from whole talks."
        )


def _about_learning(found: CloneFound, matrix: Matrix | None) -> Iterator[str]:
    if found.learned_lines < _FEW_LINES:
        yield (
            f"It learned from {found.learned_lines} lines of {found.name}. Clones get better up "
            "to several thousand: import more."
        )
    if matrix is not None and found.name in matrix.rows:
        own, others = _own_and_others(found, matrix)
        if own and others and own.value >= min(other.value for other in others):
            yield (
                f"Another clone expects {found.name}'s words better: train this one longer, or "
                "see whether the right person's messages were imported."
            )


def _about_manners(found: CloneFound) -> Iterator[str]:
    compared = () if found.manners is None else found.manners.compared
    for each in compared:
        if each.distance is not None and each.distance.low > _CHANGED:
            what = {"delay": "answers faster or slower", "row": "writes other rows of messages"}
            yield (
                f"{found.name} {what.get(each.name, 'writes at other hours')} now than in what the "
                "clone learned from: train it again on newer messages."
            )


def _about_certainty(found: CloneFound) -> Iterator[str]:
    apart = found.two_sample.get("clone")
    if apart is not None and apart.high - apart.low > _WIDE:
        yield (
            f"There are only {found.later_messages} later messages, so the figures may be off by a "
            "lot (see the thin lines in the plots). Evaluate again when there are more."
        )


def _range(found: CloneFound) -> str:
    low, high = found.temperature
    return f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"

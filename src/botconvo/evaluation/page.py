"""The report as one page: HTML with everything inside it, for whoever runs the bots.

No script, no font and no picture from anywhere; words from chats are escaped.
"""

from collections.abc import Iterator
from html import escape

from botconvo.evaluation import plots
from botconvo.evaluation.advice import bundle_of, worst_habit
from botconvo.evaluation.copying import Copying
from botconvo.evaluation.habits import HabitFound
from botconvo.evaluation.intervals import Estimate
from botconvo.evaluation.leaks import Leaks
from botconvo.evaluation.page_style import STYLE
from botconvo.evaluation.report import CloneFound, Colour, Figures, Heap, Light, Report

__all__ = ["page_of"]

_SIGNS: dict[Colour, str] = {"green": "✓", "yellow": "~", "red": "✗", "grey": "–"}
_WORDS: dict[Colour, str] = {
    "green": "good",
    "yellow": "so-so",
    "red": "bad",
    "grey": "not measured",
}
_HABIT_LABELS = {
    "length": "words in a message",
    "emoji": "emoji and smileys in a message",
    "capitals": "capital letters",
    "ending": "what a message ends with",
    "punctuation": "marks",
    "unusual words": "words that nobody else writes: odd spellings, typing errors, own words",
}
_MANNERS_LABELS = {
    "delay": ("How fast", "time to an answer"),
    "row": ("In a row", "messages in a row"),
    "hours": ("When", "hours of the day"),
}
_PLOTTED = ("length", "ending")
"""Habits that are always shown; beside them stands the one that is furthest off."""
_DOTS = 20


def page_of(report: Report) -> str:
    """The whole page."""
    names = ", ".join(clone.name for clone in report.clones)
    body = "\n".join(_body(report))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>How alike: {escape(names)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _body(report: Report) -> Iterator[str]:
    yield "<header><h1>How alike are the clones?</h1>"
    yield (
        f"<p>Measured on {report.made:%d %B %Y} on what people wrote after "
        f"{report.border:%d %B %Y, %H:%M} UTC, which no clone has ever seen.</p>"
    )
    yield f'<nav class="cards">{"".join(_card(clone) for clone in report.clones)}</nav></header>'
    for clone in report.clones:
        yield from _clone(clone)
    yield from _matrix(report)
    yield _method(report)


def _card(clone: CloneFound) -> str:
    signs = "".join(_sign(light.colour) for light in clone.lights)
    return (
        f'<a class="card" href="#{_anchor(clone)}"><b>{escape(clone.name)}</b>'
        f"<span>{signs}</span></a>"
    )


def _anchor(clone: CloneFound) -> str:
    return f"clone-{clone.checkpoint[:12]}"


def _sign(colour: Colour) -> str:
    return f'<i class="sign {colour}" role="img" aria-label="{_WORDS[colour]}">{_SIGNS[colour]}</i>'


def _clone(clone: CloneFound) -> Iterator[str]:
    yield f'<section id="{_anchor(clone)}"><h2>{escape(clone.name)}</h2>'
    yield (
        f'<p class="soft">Learned from {clone.learned_lines:,} lines; compared with '
        f"{clone.later_messages:,} later messages in {clone.later_sessions:,} conversations. "
        f"It was asked for {clone.drawn:,} messages in the same places.</p>"
    )
    yield _dots(clone)
    lights = "".join(map(_light, clone.lights))
    yield f'<ul class="lights">{lights}</ul>'
    yield _advice(clone)
    yield f'<div class="plots">{"".join(_plots(clone))}</div>'
    yield from _manners(clone)
    yield _examples(clone)
    yield _figures(clone)
    yield "</section>"


def _dots(clone: CloneFound) -> str:
    """The headline: twenty bundles, and how many of them were taken for the friend."""
    bundle = bundle_of(clone)
    if bundle is None:
        return ""
    size = "single messages" if bundle.messages == 1 else f"bundles of {bundle.messages} messages"
    name = escape(clone.name)
    rows = "".join(
        _dot_row(heap, plots.NAMES[heap].format(name=clone.name), share, clone.copying.get(heap))
        for heap in plots.NAMES
        if (share := bundle.shares.get(heap)) is not None
    )
    return (
        f'<figure class="dots"><figcaption>A program that knows how everybody writes was shown 20 '
        f"{size}. How many did it take for {name}? Whoever copies {name}'s messages is taken for "
        f"{name} easily: behind each row stands how many of its longer messages are copies."
        f"</figcaption>{rows}</figure>"
    )


def _dot_row(heap: Heap, name: str, share: Estimate, copying: Copying | None) -> str:
    verbatim = None if copying is None else copying.verbatim
    copies = "" if verbatim is None else f"{100 * verbatim.value:.0f} % copies"
    count = round(share.value * _DOTS)
    dots = "".join(f'<i class="dot{" on" if i < count else ""}"></i>' for i in range(_DOTS))
    return (
        f'<div class="row {heap}"><span class="who">{escape(name)}</span>'
        f'<span class="line" aria-hidden="true">{dots}</span>'
        f'<b>{count}<span class="soft"> of 20</span></b>'
        f'<span class="soft copies">{copies}</span></div>'
    )


def _light(light: Light) -> str:
    return (
        f'<li class="{light.colour}">{_sign(light.colour)}<div><b>{escape(light.question)}</b>'
        f"<p>{escape(light.answer)}</p></div></li>"
    )


def _advice(clone: CloneFound) -> str:
    if not clone.advice:
        return '<div class="advice"><h3>What to do</h3><p>Nothing: enjoy it.</p></div>'
    items = "".join(f"<li>{escape(each)}</li>" for each in clone.advice)
    return f'<div class="advice"><h3>What to do</h3><ul>{items}</ul></div>'


def _plots(clone: CloneFound) -> Iterator[str]:
    key = clone.checkpoint[:12]
    name = clone.name
    if any(figure is not None for figure in clone.two_sample.values()):
        yield _plot(
            "Telling clone and friend apart",
            "How often a program points at the right one of two messages. Left is better: at 50 % "
            "it can only guess.",
            plots.comparison(
                _percent(clone.two_sample),
                name,
                span=(45, 100),
                guess=50,
                label="right in % of cases",
                key=f"{key}-apart",
            ),
        )
    if clone.attribution:
        yield _plot(
            f"Taken for {name}",
            f"The more messages, the surer. The clone should come near {name}, not far above: a "
            "caricature is recognised too easily.",
            plots.bundles(clone.attribution, name, key=f"{key}-bundles"),
        )
    if any(figure is not None for figure in clone.ranking.values()):
        yield _plot(
            "Following the talk",
            f"{name}'s true reply hidden among nine other lines of {name}'s: how often is it "
            f"found? Right is better; guessing finds {clone.ranking_chance:.0%}.",
            plots.comparison(
                _percent(clone.ranking),
                name,
                span=(0, 40),
                guess=100 * clone.ranking_chance,
                label="found in % of cases",
                key=f"{key}-ranking",
            ),
        )
    worst = worst_habit(clone)
    shown = {*_PLOTTED, "capitals" if worst is None else worst[0].name}
    for habit in clone.habits.get("clone", ()):
        if habit.name in shown and habit.distance is not None:
            label = _HABIT_LABELS[habit.name]
            yield _plot(
                f"Habits: {label}",
                f"{name}'s messages and the clone's, by share.",
                plots.distribution(habit, name, label, key=f"{key}-{habit.name}"),
            )


def _manners(clone: CloneFound) -> Iterator[str]:
    """When and how much the friend writes, as it was learned and as it was later."""
    found, name = clone.manners, escape(clone.name)
    if found is None:
        return
    yield (
        f"<h3>Manners</h3><p>Learned of {name}, and kept to in a group chat: "
        f"{escape(found.learned)}.</p><p>{name} later: {escape(found.later)}.</p>"
        "<p class=soft>Delays are drawn from these and shortened, so that a talk does not stall: "
        "who takes half an hour takes seconds there (delay_s in [conversation]).</p>"
    )
    plots_ = "".join(
        _plot(
            _MANNERS_LABELS[each.name][0],
            _distance_told(each, found.others.get(each.name), clone.name),
            plots.distribution(
                each,
                clone.name,
                _MANNERS_LABELS[each.name][1],
                key=f"{clone.checkpoint[:12]}-{each.name}",
                names=(f"{clone.name} later", "learned"),
            ),
        )
        for each in found.compared
        if each.distance is not None
    )
    if plots_:
        yield f'<div class="plots">{plots_}</div>'


def _distance_told(each: HabitFound, others: float | None, name: str) -> str:
    assert each.distance is not None
    told = f"Distance of what was learned from {name} later: {each.distance.value:.2f}"
    return f"{told}; from other friends: {others:.2f}." if others is not None else f"{told}."


def _percent(figures: Figures) -> dict[Heap, Estimate | None]:
    return {heap: None if each is None else _times_100(each) for heap, each in figures.items()}


def _times_100(each: Estimate) -> Estimate:
    return Estimate(value=100 * each.value, low=100 * each.low, high=100 * each.high, n=each.n)


def _plot(title: str, words: str, svg: str) -> str:
    return (
        f"<figure><h3>{escape(title)}</h3><figcaption>{escape(words)}</figcaption>"
        f'<div class="svg" role="img" aria-label="{escape(title)}">{svg}</div></figure>'
    )


def _examples(clone: CloneFound) -> str:
    if not clone.examples:
        return ""
    rows = "".join(
        f'<tr><td class="soft">{escape(each.before)}</td><td>{escape(each.real)}</td>'
        f"<td>{escape(each.clone)}</td></tr>"
        for each in clone.examples
    )
    return (
        "<details open><summary>Side by side</summary><div class=scroll><table class=examples>"
        f"<thead><tr><th>Before that</th><th>{escape(clone.name)} wrote</th>"
        f"<th>The clone writes</th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _figures(clone: CloneFound) -> str:
    heaps: tuple[Heap, ...] = ("clone", "real", "prompted", "markov")
    head = "".join(
        f"<th>{escape(plots.NAMES[heap].format(name=clone.name))}</th>" for heap in heaps
    )
    rows = "".join(
        f"<tr><td>{escape(label)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        for label, cells in _table(clone, heaps)
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in clone.notes)
    return (
        "<details><summary>All figures</summary><div class=scroll><table class=figures><thead>"
        f"<tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        "<p class=soft>In brackets: where the figure would lie in 95 of 100 cases if other "
        f"conversations had been measured.</p>{notes}</details>"
    )


def _table(clone: CloneFound, heaps: tuple[Heap, ...]) -> Iterator[tuple[str, list[str]]]:
    for each in clone.attribution:
        label = f"taken for {clone.name}, of {each.messages}"
        yield label, [_shown(each.shares.get(heap), percent=True) for heap in heaps]
    yield (
        "told from the friend (AUC)",
        [_shown(clone.two_sample.get(heap), digits=2) for heap in heaps],
    )
    yield "overlap (MAUVE)", [_shown(clone.mauve.get(heap), digits=2) for heap in heaps]
    yield "true reply found", [_shown(clone.ranking.get(heap), percent=True) for heap in heaps]
    yield "words in a message", [_number(clone.mean_words.get(heap), 1) for heap in heaps]
    for place, habit in enumerate(clone.habits.get("clone", ())):
        found = [clone.habits.get(heap, ()) for heap in heaps]
        yield (
            f"distance in {habit.name}",
            [_shown(each[place].distance if each else None, digits=2) for each in found],
        )
    variety = [clone.variety.get(heap) for heap in heaps]
    yield "said before", [_shown(v.repeated if v else None, percent=True) for v in variety]
    yield "different words", [_number(v.distinct_1 if v else None, 2) for v in variety]
    yield "different pairs of words", [_number(v.distinct_2 if v else None, 2) for v in variety]
    copying = [clone.copying.get(heap) for heap in heaps]
    yield (
        "word for word in what was learned (6 words or more)",
        [_shown(c.verbatim if c else None, percent=True) for c in copying],
    )
    yield "longest run of learned words", [_number(c.longest if c else None, 0) for c in copying]
    yield from ((label, [cell, *["–"] * (len(heaps) - 1)]) for label, cell in _leaks(clone.leaks))
    yield "is an emoji on a message", [_number(clone.reactions.get(heap), 2) for heap in heaps]


def _leaks(leaks: Leaks) -> Iterator[tuple[str, str]]:
    """Of the clone alone."""
    free, shown = leaks.without_gate, leaks.membership
    yield "the same, if there were no leak gate", _shown(free.verbatim, percent=True)
    yield "longest run, if there were no leak gate", _number(free.longest, 0)
    yield "drafts that the gate held back", f"{leaks.held_back:,} of {leaks.candidates:,}"
    yield "of what was said, would be held back", _number(leaks.slipped, 0)
    known = "–" if leaks.known is None else f"{leaks.known:.0%}"
    yield "longer learned lines that the gate knows", known
    yield "messages with something private", _number(sum(leaks.said.values()), 0)
    yield "learned lines with something private", _number(sum(leaks.learned.values()), 0)
    yield "learned lines that look a little like it", _number(sum(leaks.suspicious.values()), 0)
    yield "learned lines told from later ones (AUC)", _shown(shown.auc if shown else None)
    yield "the same by time alone (AUC)", _shown(shown.by_time if shown else None)


def _shown(figure: Estimate | None, *, percent: bool = False, digits: int = 2) -> str:
    if figure is None:
        return "–"
    value, low, high = (
        f"{100 * each:.0f}" if percent else f"{each:.{digits}f}"
        for each in (figure.value, figure.low, figure.high)
    )
    unit = " %" if percent else ""
    return f"{value}{unit} <span class=soft>({low}–{high})</span>"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _matrix(report: Report) -> Iterator[str]:
    matrix = report.perplexity
    if matrix is None:
        return
    yield "<section><h2>Whose words does each clone expect?</h2>"
    yield (
        "<p>How much each clone is surprised by what everybody wrote later (perplexity: between so "
        "many equally likely pieces of words it had to choose). Each clone should be surprised "
        "least by its own friend: the darkest field of a row in the clone's own column.</p>"
    )
    svg = plots.heat(matrix, key="matrix")
    yield f'<figure class="wide"><div class="svg scroll">{svg}</div></figure></section>'


def _method(report: Report) -> str:
    friends = ", ".join(report.friends)
    return (
        "<details><summary>How this was measured</summary>"
        f"<p>Manners: {escape(report.preset)}; seed {report.seed}; botconvo "
        f"{escape(report.botconvo)}. People one can be taken for: {escape(friends)}. Every clone "
        "answered in its friend's place, after the real lines before, through its own model "
        "server. <b>The untrained base</b> is what the clone was trained from, shown ten of the "
        "friend's lines. <b>The Markov chain</b> puts pieces of the friend's real lines together "
        "and shows what mere copying reaches. Who is taken for whom: naive Bayes on runs of 1 to "
        "4 characters. Telling apart: logistic regression on the same, tried only on "
        "conversations that it has not learned from. Distances of habits: Jensen-Shannon, 0 for "
        "the same and 1 for nothing in common. Beside the clone's figure stands the friend's own: "
        "earlier messages against later ones. <b>The leak gate</b> holds back every draft with six "
        "words in a row of an imported message. What a program with its files finds out: a line "
        "is taken for learned where the clone expects it much more than its base does. Intervals "
        "draw whole conversations anew.</p>"
        "</details>"
    )

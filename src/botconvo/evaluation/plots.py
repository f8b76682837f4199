"""Plots as SVG that takes its colours from the page, so that they fit a light and a dark one.

matplotlib draws with colours that stand for others; they are replaced by the page's variables.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from botconvo.evaluation.habits import HabitFound
from botconvo.evaluation.intervals import Estimate
from botconvo.evaluation.report import Attributed, Heap, Matrix

__all__ = ["COLOURS", "NAMES", "bundles", "comparison", "distribution", "heat"]

COLOURS: Mapping[str, str] = {
    "ink": "#010101",
    "soft": "#020202",
    "grid": "#030303",
    "clone": "#040404",
    "real": "#050505",
    "prompted": "#060606",
    "markov": "#070707",
    "others": "#080808",
    "paper": "#090909",
}
"""The page's variables (``--clone``), and what stands for them while matplotlib draws."""

NAMES: Mapping[Heap, str] = {
    "clone": "the clone",
    "real": "{name} (real)",
    "prompted": "untrained base",
    "markov": "Markov chain",
    "others": "other friends",
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 11.0,
    "text.color": COLOURS["ink"],
    "axes.labelcolor": COLOURS["soft"],
    "axes.edgecolor": COLOURS["grid"],
    "xtick.color": COLOURS["soft"],
    "ytick.color": COLOURS["ink"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": COLOURS["grid"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_ROOM = 40
"""Letters below an axis that can stand side by side."""
_WIDTH = 4.3
"""Inches: 11 points are legible where this fills a phone."""


def comparison(
    figures: Mapping[Heap, Estimate | None],
    name: str,
    *,
    span: tuple[float, float],
    guess: float,
    label: str,
    key: str,
) -> str:
    """A point with its interval for each heap, and a line where guessing lies."""
    there = [(heap, figure) for heap, figure in figures.items() if figure is not None]
    there.sort(key=lambda pair: list(NAMES).index(pair[0]), reverse=True)
    with rc_context({**_STYLE, "svg.hashsalt": key}):
        figure = Figure(figsize=(_WIDTH, 0.65 + 0.42 * len(there)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(guess, color=COLOURS["soft"], linestyle=(0, (2, 2)), linewidth=1)
        for row, (heap, estimate) in enumerate(there):
            colour = COLOURS[heap]
            axes.plot(
                [estimate.low, estimate.high], [row, row], color=colour, linewidth=3, clip_on=False
            )
            axes.plot([estimate.value], [row], "o", color=colour, markersize=9, clip_on=False)
        axes.set_yticks(range(len(there)), [NAMES[heap].format(name=name) for heap, _ in there])
        axes.set_ylim(-0.6, len(there) - 0.4)
        axes.set_xlim(*_wide_enough(span, [estimate for _, estimate in there]))
        axes.grid(axis="y", visible=False)
        axes.tick_params(length=0)
        axes.set_xlabel(label)
        axes.spines["left"].set_visible(False)
        return _svg(figure)


def _wide_enough(span: tuple[float, float], estimates: Sequence[Estimate]) -> tuple[float, float]:
    lows = [estimate.low - 0.02 for estimate in estimates]
    highs = [estimate.high + 0.02 for estimate in estimates]
    return min(span[0], *lows), max(span[1], *highs)


def bundles(attribution: Sequence[Attributed], name: str, *, key: str) -> str:
    """How often each heap is taken for the friend, by the messages in a bundle."""
    with rc_context({**_STYLE, "svg.hashsalt": key, "ytick.color": COLOURS["soft"]}):
        figure = Figure(figsize=(_WIDTH, 2.7), layout="constrained")
        axes = figure.add_subplot()
        places = range(len(attribution))
        for shift, heap in enumerate(NAMES):
            shares = [each.shares.get(heap) for each in attribution]
            there = [(x, share) for x, share in zip(places, shares, strict=True) if share]
            if not there:
                continue
            xs = [x + (shift - 2) * 0.05 for x, _ in there]
            axes.plot(
                xs,
                [100 * share.value for _, share in there],
                "o-",
                color=COLOURS[heap],
                linewidth=2.5 if heap == "clone" else 1.3,
                markersize=6 if heap == "clone" else 4,
                label=NAMES[heap].format(name=name),
            )
            axes.vlines(
                xs,
                [100 * share.low for _, share in there],
                [100 * share.high for _, share in there],
                color=COLOURS[heap],
                linewidth=1.2,
                alpha=0.6,
            )
        axes.set_xticks(list(places), [_messages(each.messages) for each in attribution])
        axes.set_ylim(-3, 103)
        axes.set_ylabel(f"taken for {name}, %")
        axes.grid(axis="x", visible=False)
        axes.tick_params(length=0)
        legend: Any = figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
        for text in legend.get_texts():
            text.set_color(COLOURS["ink"])
        return _svg(figure)


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def distribution(
    habit: HabitFound, name: str, label: str, *, key: str, names: tuple[str, str] | None = None
) -> str:
    """How the friend's messages and the clone's divide over the kinds of a habit.

    ``names`` are those of the two where they are something else.
    """
    first, second = names or (NAMES["real"].format(name=name), NAMES["clone"])
    with rc_context({**_STYLE, "svg.hashsalt": key, "ytick.color": COLOURS["soft"]}):
        figure = Figure(figsize=(_WIDTH, 2.2), layout="constrained")
        axes = figure.add_subplot()
        places = np.arange(len(habit.kinds))
        real = [100 * share for share in habit.first]
        clone = [100 * share for share in habit.second]
        axes.bar(places - 0.2, real, 0.38, color=COLOURS["real"], label=first)
        axes.bar(places + 0.2, clone, 0.38, color=COLOURS["clone"], label=second)
        crowded = sum(map(len, habit.kinds)) > _ROOM
        axes.set_xticks(
            places,
            [kind.replace("over ", ">") for kind in habit.kinds],
            rotation=35 if crowded else 0,
            ha="right" if crowded else "center",
            fontsize=9.5,
        )
        axes.set_xlabel(label)
        axes.set_ylabel("%")
        axes.grid(axis="x", visible=False)
        axes.tick_params(length=0)
        legend: Any = axes.legend(frameon=False, fontsize=9)
        for text in legend.get_texts():
            text.set_color(COLOURS["ink"])
        return _svg(figure)


def heat(matrix: Matrix, *, key: str) -> str:
    """Whose words each clone expects: the darker, the less surprised, row by row."""
    rows, columns = len(matrix.rows), len(matrix.columns)
    with rc_context({**_STYLE, "svg.hashsalt": key, "axes.grid": False}):
        width = max(_WIDTH, 1.3 + 0.85 * columns)
        figure = Figure(figsize=(width, 0.8 + 0.5 * rows), layout="constrained")
        axes = figure.add_subplot()
        for row, cells in enumerate(matrix.cells):
            values = [cell.value for cell in cells if cell is not None]
            low, high = min(values, default=0.0), max(values, default=1.0)
            for column, cell in enumerate(cells):
                if cell is not None:
                    _cell(axes, row, column, cell.value, low, high)
        axes.set_xlim(-0.5, columns - 0.5)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_yticks(range(rows), [f"{row}'s words" for row in matrix.rows])
        axes.set_xticks(range(columns), [_column(name) for name in matrix.columns])
        axes.tick_params(length=0, labeltop=True, labelbottom=False, colors=COLOURS["ink"])
        for spine in axes.spines.values():
            spine.set_visible(False)
        return _svg(figure)


def _column(name: str) -> str:
    return name if name == "the base" else f"{name}'s\nclone"


def _cell(axes: Any, row: int, column: int, value: float, low: float, high: float) -> None:
    # By logarithms: a perplexity twice as high is the same step everywhere.
    span = np.log(high) - np.log(low)
    strength = 1.0 if span <= 0 else 1.0 - (np.log(value) - np.log(low)) / span
    axes.fill_between(
        [column - 0.47, column + 0.47],
        row - 0.45,
        row + 0.45,
        color=COLOURS["clone"],
        alpha=0.06 + 0.5 * strength,
        linewidth=0,
    )
    weight = "bold" if value == low else "normal"
    text = f"{value:.0f}" if value < 10_000 else f"{value:.0e}"
    axes.text(column, row, text, ha="center", va="center", weight=weight, color=COLOURS["ink"])


def _svg(figure: Figure) -> str:
    """The figure as an element for a page: no size of its own, no colours of its own."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg)
    svg = re.sub(r"font: (?:\w+ )?([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", svg)
    for name, colour in COLOURS.items():
        svg = svg.replace(colour, f"var(--{name})")
    return svg

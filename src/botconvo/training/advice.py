"""Which base to take, by how much somebody wrote and what there is to train and to talk with.

Pure.  It knows what was measured and what is a rule of thumb, and says which.
"""

from dataclasses import dataclass

__all__ = ["TABLE", "Advice", "Hardware", "advise", "better", "in_help", "table"]

_ROOM = 1.3
"""What other programs may take besides."""
_CLEARLY = 2.0
"""So many times as many weights make a base another choice."""
_FAR_TOO_LARGE = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """Bytes of free memory, of a GPU too where there is one, and processor cores."""

    memory: int
    gpu: int
    cores: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A base, from how many own lines on, with so much memory, and why.

    ``base`` is what ``--base`` is given; None is the base that comes with BotConvo.  ``memory`` are
    bytes for training by the default settings, as ``estimate`` has it (in float32, on a GPU
    in bf16, where ``gpu`` is set).
    ``parameters`` are its weights.  ``measured`` is False for a rule of thumb.
    """

    base: str | None
    parameters: int
    lines: int
    memory: int
    gpu: bool
    why: str
    measured: bool


TABLE = (
    Advice(
        base=None,
        parameters=14_000_000,
        lines=50,
        memory=1_000_000_000,
        gpu=False,
        why="minutes for a thousand lines without a GPU; short English chat",
        measured=True,
    ),
    Advice(
        base="HuggingFaceTB/SmolLM2-135M",
        parameters=135_000_000,
        lines=500,
        memory=4_500_000_000,
        gpu=False,
        why="ten times the weights and far more text read: longer and better grounded answers, "
        "at about a tenth of the speed",
        measured=False,
    ),
    Advice(
        base="HuggingFaceTB/SmolLM2-360M",
        parameters=360_000_000,
        lines=1000,
        memory=5_500_000_000,
        gpu=True,
        why="the same on a GPU in minutes",
        measured=False,
    ),
    Advice(
        base="Qwen/Qwen2.5-0.5B",
        parameters=494_000_000,
        lines=1000,
        memory=6_500_000_000,
        gpu=True,
        why="many languages, where friends do not write English; its wide vocabulary takes memory",
        measured=False,
    ),
    Advice(
        base="Qwen/Qwen2.5-1.5B",
        parameters=1_540_000_000,
        lines=3000,
        memory=12_000_000_000,
        gpu=True,
        why="follows a talk over more lines; answers take seconds where it is served without a GPU",
        measured=False,
    ),
)
"""From the smallest to the largest.  Only the first row's speed was measured here."""


def advise(lines: int, hardware: Hardware) -> Advice:
    """The largest base that the lines and the hardware are enough for.

    Of two that are alike the first one counts, so that a base of many languages is never the
    answer to a question nobody asked.
    """
    fitting = [each for each in TABLE if each.lines <= lines and _fits(each, hardware)]
    chosen = TABLE[0]
    for each in fitting:
        if each.parameters >= _CLEARLY * chosen.parameters:
            chosen = each
    return chosen


def _fits(advice: Advice, hardware: Hardware) -> bool:
    free = hardware.gpu if advice.gpu else hardware.memory
    # A small base learns on a processor too, but not in the time that somebody waits.
    return advice.memory * _ROOM <= free and (
        advice.gpu or advice.base is None or _is_fast(hardware)
    )


def _is_fast(hardware: Hardware) -> bool:
    return hardware.gpu > 0 or hardware.cores >= 4


def better(parameters: int, lines: int, hardware: Hardware) -> str | None:
    """What to say to whoever trains on a base of so many weights; None: none is clearly better."""
    advised = advise(lines, hardware)
    name = "the base that comes along" if advised.base is None else f"--base {advised.base}"
    ground = "" if advised.measured else " (a rule of thumb: try both, and compare)"
    if advised.parameters >= _CLEARLY * parameters:
        return f"Advice: for {lines} own lines on this computer take {name}: {advised.why}{ground}."
    if parameters >= _FAR_TOO_LARGE * advised.parameters:
        return (
            f"Advice: a base of {parameters / 1e6:.0f} million weights is large for {lines} own "
            f"lines on this computer; try {name} too, and compare (a rule of thumb)."
        )
    return None


def in_help() -> str:
    """A row for each base, for a command's help."""
    rows = (
        f"  {each.base or 'the default'}: {each.lines} lines, {each.memory / 1e9:.1f} GB"
        + (" on a GPU" if each.gpu else "")
        for each in TABLE
    )
    return "\n".join(("Bases, from how many own lines and with how much memory on:", *rows))


def table() -> str:
    """The rows as a Markdown table."""
    rows = ["| base (`--base`) | weights | own lines | memory | why |", "|---|--:|--:|--:|---|"]
    for each in TABLE:
        name = "the one that comes along" if each.base is None else f"`{each.base}`"
        where = " of a GPU" if each.gpu else ""
        thumb = "" if each.measured else " (rule of thumb)"
        rows.append(
            f"| {name} | {each.parameters // 1_000_000} M | {each.lines} | "
            f"{each.memory / 1e9:.1f} GB{where} | {each.why}{thumb} |"
        )
    return "\n".join(rows)

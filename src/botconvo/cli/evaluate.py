"""``botconvo evaluate``: how alike the clones are, whether they copy, and what to do about it."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from botconvo.cli.project import DAY, at_midnight, project_option

if TYPE_CHECKING:
    from botconvo.evaluation.report import CloneFound

__all__ = ["command"]

_WORDS = {"green": "good", "yellow": "so-so", "red": "bad", "grey": "-"}


@click.command("evaluate")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@project_option
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the page goes. Default: report.html in the project.",
)
@click.option(
    "--json",
    "as_data",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write all figures there as well.",
)
@click.option(
    "--samples",
    type=click.IntRange(20, 5000),
    default=300,
    show_default=True,
    help="Messages of each clone; more take longer and narrow the intervals.",
)
@click.option("--preset", help="Manners by which they answer. Default: those of config.toml.")
@click.option(
    "--temperature",
    type=click.FloatRange(0.0, 5.0),
    help="How daringly words are drawn, in place of the preset's.",
)
@click.option(
    "--since",
    type=DAY,
    metavar="YYYY-MM-DD",
    help="Nothing from this day on was trained on; for older clones, which do not tell.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Another one, other draws."
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    help="Where words are scored; auto is an NVIDIA GPU where there is one.",
)
@click.option(
    "--examples/--no-examples",
    default=True,
    help="Show some messages, of friends and clones, on the page. Default: show.",
)
def command(
    names: tuple[str, ...],
    project: Path,
    html: Path | None,
    as_data: Path | None,
    samples: int,
    preset: str | None,
    temperature: float | None,
    since: datetime | None,
    seed: int,
    device: str,
    examples: bool,
) -> None:
    """Measure the clones of NAME, or all, on later messages that no training saw.

    What was drawn is kept: stopped with Ctrl-C, the same command goes on with it.
    """
    import sys

    from botconvo.evaluation.extra import require_evaluation

    require_evaluation()

    from botconvo.evaluating import Wish, check_target, evaluate_project, write_report
    from botconvo.evaluation.progress import progress_for

    wish = Wish(
        project=project,
        names=names,
        since=at_midnight(since),
        preset=preset,
        temperature=temperature,
        samples=samples,
        seed=seed,
        device=device,
        examples=examples,
    )
    html = html or project / "report.html"
    for path in filter(None, (html, as_data)):
        check_target(path)
    try:
        with progress_for(sys.stderr) as progress:
            report = evaluate_project(wish, progress, lambda line: click.echo(line, err=True))
    except KeyboardInterrupt:
        told = "botconvo: stopped; what was drawn is kept, and the same command goes on with it"
        click.echo(told, err=True)
        sys.exit(130)
    write_report(report, project, html, as_data)
    for clone in report.clones:
        click.echo(_summary(clone))
    click.echo(f"Next: open {html}")


def _summary(clone: "CloneFound") -> str:
    rows = [f"{clone.name}:"]
    rows += [
        f"  {_WORDS[light.colour]:5}  {light.question} {light.answer}" for light in clone.lights
    ]
    rows += [f"  do: {advice}" for advice in clone.advice]
    return "\n".join(rows)

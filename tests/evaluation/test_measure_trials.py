"""The table of ``scripts/measure_trials.py``."""

from measure_trials import report, with_old

from botconvo.training.examples import Window


def _run(way: str, name: str, seed: int, loss: float) -> dict[str, object]:
    return {"way": way, "name": name, "seed": seed, "base": 5.0, "loss": loss}


def test_a_way_is_compared_with_the_first_in_runs_of_the_same_person_and_seed() -> None:
    rows = [
        _run("start", "Bort", 0, 4.0),
        _run("start", "Cleo", 0, 3.0),
        _run("full", "Bort", 0, 3.8),
        _run("full", "Cleo", 0, 2.9),
        _run("rank-64", "Cleo", 0, 3.5),
    ]
    lines = report(rows).splitlines()
    assert "| full fine-tune | 3.800 | 2.900 | -0.150 ± 0.071 |" in lines
    assert "| rank 64 | – | 3.500 | +0.500 |" in lines
    assert lines[-1] == "The untuned base: Bort 5.000, Cleo 5.000."


def test_old_text_takes_its_share_of_the_rows() -> None:
    new = [(Window(tokens=(i,), weights=(1.0,)),) for i in range(1000)]
    old = [(Window(tokens=(-1,), weights=(1.0,)),)]
    mixed = with_old(new, old, 0.1, seed=1)
    replaced = [row for row in mixed if row[0].tokens == (-1,)]
    assert len(mixed) == 1000
    assert 70 < len(replaced) < 130

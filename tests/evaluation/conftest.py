"""Without the extra ``evaluate`` only what needs nothing is left."""

from importlib.util import find_spec

EXTRA_IS_THERE = all(find_spec(name) for name in ("sklearn", "markovify", "matplotlib", "torch"))
if not EXTRA_IS_THERE:
    collect_ignore_glob = [
        "test_attribution.py",
        "test_command.py",
        "test_markov.py",
        "test_measure_leaks.py",
        "test_page.py",
        "test_scores.py",
        "test_scoring.py",
        "test_two_sample.py",
    ]

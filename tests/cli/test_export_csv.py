"""``botconvo export-csv`` as it is typed."""

from pathlib import Path

import pytest
from cli.typing_in import typed

GENERAL = next(
    (Path(__file__).parent.parent / "data" / "exports" / "discord-dce-2.47").glob("*general*.json")
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in which Bort, from Discord, has agreed."""
    typed("import", GENERAL, "--project", tmp_path)
    typed("consent", "grant", "bort", "--adult", "--project", tmp_path)
    return tmp_path


def test_it_goes_into_the_project_once_the_rule_is_acknowledged(project: Path) -> None:
    refused = typed("export-csv", "bort", "--project", project)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "--acknowledge-discord-policy" in refused.err
    done = typed("export-csv", "bort", "--project", project, "--acknowledge-discord-policy")
    assert (done.code, done.err) == (0, "")
    assert f"{project / 'bort.csv'}: 3 lines of Bort 🛹" in done.out
    assert "Delete it" in done.out
    assert (project / "bort.csv").read_text(encoding="utf-8").startswith("text\n")


def test_a_second_export_has_to_be_forced_or_go_elsewhere(project: Path) -> None:
    words = ("export-csv", "bort", "--project", project, "--acknowledge-discord-policy")
    assert typed(*words).code == 0
    refused = typed(*words)
    assert refused.code == 2
    assert refused.err.endswith("bort.csv is there already; --force replaces it\n")
    assert typed(*words, "--force").code == 0
    assert typed(*words, "--output", project / "other.csv").code == 0
    assert (project / "other.csv").read_bytes() == (project / "bort.csv").read_bytes()


def test_who_never_agreed_is_told_in_one_line(project: Path) -> None:
    done = typed("export-csv", "smig", "--project", project)
    assert (done.code, done.out) == (2, "")
    assert "nobody called 'smig' has a consent record" in done.err

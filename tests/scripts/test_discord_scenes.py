"""What the guide's pictures show still happens, and every picture is there, small, and shown."""

from pathlib import Path

import picture_discord
import pytest
from discord_scenes import SCENES, Line, Popup, Scene, Terminal, View

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
LARGEST = 1_500_000


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_a_scene_plays_and_can_be_drawn(scene: Scene, tmp_path: Path) -> None:
    shown = await scene.play(tmp_path)
    drawn = picture_discord.markup(shown)
    assert shown
    for each in shown:
        match each:
            case Terminal(words=words):
                assert words.split()[0] in drawn
                assert str(tmp_path) not in words
                assert str(ROOT) not in words
            case View(lines=lines) | Popup(view=View(lines=lines)):
                assert lines
                assert all(line.author in drawn for line in lines)


def test_words_are_drawn_as_words() -> None:
    line = Line(
        author="<Bort>",
        text="> **Ann**: tea? https://discord.com/channels/1/2/3\n1 \\* 1 & <b>",
        at="12:00",
        reactions=(("🍵", 2, True),),
        used="Ann used /ask",
        private=True,
    )
    drawn = picture_discord.markup([View(channel="general", lines=(line,), typing=("Juno",))])
    assert "&lt;Bort&gt;" in drawn
    assert "<b>Ann</b>: tea? <span class=jump>" in drawn
    assert "1 * 1 &amp; &lt;b&gt;" in drawn
    assert "🍵 2" in drawn
    assert "Juno is typing" in drawn
    assert "Only whoever asked sees this" in drawn
    assert "class=mark" not in drawn


def test_every_scene_has_its_picture_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for scene in SCENES:
        assert f"![{scene.alt}](docs/pictures/{scene.name}.png)" in readme
    there = {path.name for path in PICTURES.iterdir()}
    assert there == {f"{scene.name}.png" for scene in SCENES}
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < LARGEST

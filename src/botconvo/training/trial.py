"""A clone is asked for a few tokens before it takes its place.  It knows nothing of training."""

from pathlib import Path

from botconvo.errors import TrainingError
from model_server.checkpoint.tokens import Reading
from model_server.engine import Draw, EngineSettings, LlamaEngine, Piece
from model_server.prompt_format import PromptFormat

__all__ = ["try_out"]


def try_out(
    base: Path, adapter: Path | None, form: PromptFormat, *, end_of_text: int, reading: Reading
) -> None:
    """Draw a few tokens: a clone that cannot speak must not take an older one's place.

    ``base`` and ``adapter`` are GGUF files; ``end_of_text`` is a token id.

    Raises:
        TrainingError: nothing comes.
        EngineError: the engine cannot use the weights.
    """
    pieces: list[str] = []

    def take(piece: Piece) -> bool:
        pieces.append(piece.text)
        return True

    settings = EngineSettings(context=64, parallel=1, threads=1)
    engine = LlamaEngine(base, adapter, settings, end_of_text=end_of_text, reading=reading)
    try:
        engine.generate(Draw(prompt=form.render([]), max_tokens=4, seed=0), take)
    finally:
        engine.close()
    if not pieces:
        raise TrainingError(f"the clone of {form.speaker} says nothing; train it again")

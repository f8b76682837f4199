"""``botconvo serve-model``: one checkpoint over HTTP, after a look at its consent."""

from pathlib import Path

import click

__all__ = ["command"]


@click.command("serve-model")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--context", type=click.IntRange(64), help="Tokens of prompt and completion.")
@click.option("--parallel", type=click.IntRange(1, 64), default=5, show_default=True)
@click.option(
    "--precision",
    type=click.Choice(["q8_0", "f16"]),
    default="q8_0",
    show_default=True,
    help="Of a checkpoint of another program, which is converted once.",
)
@click.option("--threads", type=click.IntRange(1), help="Default: left to the engine.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the bearer token; else BOTCONVO_MODEL_SERVER_TOKEN.",
)
@click.option("--no-token", is_flag=True, help="Ask for no token (loopback only).")
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder whose ledger knows the consent; default: this one.",
)
def command(checkpoint: Path, project: Path, **words: object) -> None:
    """Serve CHECKPOINT to any client of OpenAI's completions API.

    It is a folder with manifest.json, a folder of gpt-2-simple or Hugging Face, or a GGUF file.
    """
    from botconvo.serving import serve_checkpoint

    serve_checkpoint(checkpoint, project, **words)

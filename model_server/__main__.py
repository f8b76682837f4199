"""``python -m model_server CHECKPOINT``: serve one checkpoint; translates arguments, no more."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model_server.serving import (
    DEFAULT_HOST,
    DEFAULT_PARALLEL,
    DEFAULT_PORT,
    TOKEN_VARIABLE,
    Options,
    serve,
)

__all__ = ["Options", "main", "parse", "serve"]


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Command-line arguments as options."""
    parser = argparse.ArgumentParser(
        prog="python -m model_server",
        description="Serve one checkpoint over HTTP (OpenAI's completions API).",
        epilog=f"The bearer token comes from {TOKEN_VARIABLE} or --token-file.",
    )
    parser.add_argument(
        "checkpoint",
        type=Path,
        help="folder with manifest.json and weights, of gpt-2-simple or Hugging Face; or GGUF file",
    )
    parser.add_argument("--base", type=Path, help="base of an adapter: its folder or GGUF file")
    parser.add_argument("--cache", type=Path, help="where converted checkpoints are kept")
    parser.add_argument(
        "--precision", choices=("q8_0", "f16"), default="q8_0", help="of what is converted"
    )
    parser.add_argument("--host", default=DEFAULT_HOST)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
    parser.add_argument("--context", type=_positive, help="tokens of prompt and completion")
    parser.add_argument(
        "--parallel", type=_positive, default=DEFAULT_PARALLEL, help="completions at once"
    )
    parser.add_argument("--threads", type=_positive, help="processor threads of the engine")
    parser.add_argument("--token-file", type=Path, help="file that holds the bearer token")
    parser.add_argument("--no-token", action="store_true", help="let everybody on this computer in")
    parser.add_argument(
        "--report-port", action="store_true", help="print port and pid as JSON once bound"
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when standard input ends"
    )
    return Options(**vars(parser.parse_args(arguments)))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main() -> int:
    return serve(parse())


if __name__ == "__main__":
    sys.exit(main())

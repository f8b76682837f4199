"""The command line: translates words into calls and errors into one line.

One module per verb, loaded when its verb is used, so that ``botconvo --help`` stays fast.
"""

import logging
import sys
from importlib import import_module

import click

from botconvo import __version__

__all__ = ["main"]

_VERBS = {
    "demo": ("demo", "Let the four sample clones talk. Needs nothing."),
    "init": ("init", "Write a commented config.toml into this folder."),
    "migrate-config": ("migrate_config", "Turn an earlier system's configuration into one."),
    "import": ("import_", "Read chat exports."),
    "collect": ("collect", "Read the history of Discord channels, as the bot may."),
    "people": ("people", "List who writes in the imported exports."),
    "consent": ("consent", "Record who agreed to be cloned, show or withdraw it."),
    "forget": ("forget", "Erase somebody from the project, with a receipt."),
    "review": ("review", "Show what a clone is not trained on."),
    "export-csv": ("export_csv", "Write what one person wrote as a CSV of one column."),
    "train": ("train", "Clone a friend who agreed."),
    "train-packed": ("train_packed", "Train on another computer what 'train --pack' wrote."),
    "adopt": ("adopt", "Take in a clone that was trained on another computer."),
    "rollback": ("rollback", "Put an older version of a clone back into use."),
    "evaluate": ("evaluate", "Measure how alike the clones are, and whether they copy."),
    "pack": ("pack", "Write the whole project into one file, to move it."),
    "unpack": ("unpack", "Put a project that moved into a folder."),
    "rehearse": ("rehearse", "Try your settings on a Discord that is not Discord."),
    "run": ("run", "Let the clones of config.toml talk."),
    "chat": ("chat", "Talk with a clone in the terminal."),
    "generate": ("generate", "Print lines or conversations that a clone may write."),
    "serve-model": ("serve_model", "Serve one checkpoint over HTTP."),
    "doctor": ("doctor", "Check everything and say what to do."),
}
"""Verb: its module and its line of help, in the order of the data flow."""


class _Verbs(click.Group):
    """Loads a verb's module only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        command = import_module(f"botconvo.cli.{_VERBS[name][0]}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _VERBS.items()])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="botconvo")
@click.option("-v", "--verbose", is_flag=True, help="Log more, to stderr.")
def _botconvo(verbose: bool) -> None:
    """Clone your friends as chat bots and let the clones talk."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(message)s" if not verbose else "%(asctime)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("botconvo").setLevel(logging.DEBUG if verbose else logging.INFO)


def main(arguments: list[str] | None = None) -> None:
    """Run a command line and exit: 0 done, 2 an error that a person can mend, 130 interrupted."""
    from botconvo.errors import BotConvoError
    from model_server.errors import ModelServerError

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # a Windows console may differ
    try:
        _botconvo.main(arguments, prog_name="botconvo", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        print(f"botconvo: {_one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except (BotConvoError, ModelServerError) as error:
        told = " ".join(str(error).splitlines())  # a name may hold a line break
        print(f"botconvo: {told}", file=sys.stderr)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        print("botconvo: interrupted", file=sys.stderr)
        sys.exit(130)


def _one_line(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        text += f" (see '{error.ctx.command_path} --help')"
    return text

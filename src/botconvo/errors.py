"""Everything that BotConvo can tell a person about what went wrong.

    BotConvoError                 one line: what failed, with which value, where, what to do
     ├─ ConfigError               config.toml or the environment
     ├─ ImportFailed              an export that cannot be read
     │   └─ ExportEmpty           nobody has written anything there
     ├─ ConsentError              nobody agreed, or not to this
     ├─ CorpusError               too little, or nothing, to train on
     ├─ TrainingError             a training run that cannot go on
     ├─ ServiceError              a hosted service that refuses, or is not there
     ├─ PackError                 what travels to another computer, or comes back from it
     ├─ StoreError                the project's database
     ├─ OutputError               a file that was asked for and cannot be written
     ├─ PhraseError               the noun-phrase pipeline (phrases.py)
     ├─ PlatformError             a place to talk in that cannot be opened
     └─ VoiceError                a model server that does not answer (``retryable``: wait and ask)

The command line prints an expected failure as one line and exits with code 2; a traceback means a
bug.  The model server has a tree of its own (``model_server.errors``).
"""

__all__ = [
    "BotConvoError",
    "ConfigError",
    "ConsentError",
    "CorpusError",
    "ExportEmpty",
    "ImportFailed",
    "OutputError",
    "PackError",
    "PlatformError",
    "ServiceError",
    "StoreError",
    "TrainingError",
    "VoiceError",
    "printable",
]


def printable(text: str) -> str:
    """The same on one line, with a "?" for every character that does not print."""
    return "".join(each if each.isprintable() else "?" for each in text)


class BotConvoError(Exception):
    """An expected failure; its text is one line for the person who can mend it."""


class ConfigError(BotConvoError):
    """The configuration cannot be used."""


class ImportFailed(BotConvoError):  # noqa: N818  (ImportError is Python's own)
    """An export cannot be read, or holds nothing to take.

    Names in a zip may hold anything; what would not print, or would break the line, is a "?".
    """

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class ExportEmpty(ImportFailed):
    """An export in which nobody has written anything; beside others it is passed over."""


class ConsentError(BotConvoError):
    """A person did not agree to what was asked for."""


class CorpusError(BotConvoError):
    """There is not enough to train on."""


class TrainingError(BotConvoError):
    """A training run cannot start or go on."""


class ServiceError(BotConvoError):
    """A hosted service gave no usable answer.

    ``status`` is HTTP's; ``retryable``: the same may work later, after ``wait_s`` seconds where the
    service said so.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        wait_s: float | None = None,
    ) -> None:
        super().__init__(text)
        self.status, self.retryable, self.wait_s = status, retryable, wait_s


class PackError(BotConvoError):
    """A pack or a trained archive is torn, foreign, or older than what is there."""


class StoreError(BotConvoError):
    """The project's database cannot be opened, read or written."""


class OutputError(BotConvoError):
    """A file that was asked for cannot be written, or is there already."""


class PlatformError(BotConvoError):
    """A platform cannot be opened, or refuses what was asked of it."""


class VoiceError(BotConvoError):
    """A model server gave no usable answer."""

    def __init__(self, text: str, *, retryable: bool) -> None:
        super().__init__(text)
        self.retryable = retryable

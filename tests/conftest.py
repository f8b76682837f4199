"""What all tests need."""

import signal

from hypothesis import settings


def pytest_configure() -> None:
    """Let Ctrl-C be heard by the processes that tests start.

    Whatever a shell starts in the background ignores it, and hands that on to its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

"""What all tests need."""

import signal


def pytest_configure() -> None:
    """Let Ctrl-C be heard by the processes that tests start.

    Whatever a shell starts in the background ignores it, and hands that on to its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

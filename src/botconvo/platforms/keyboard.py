"""What is typed, line by line, for a loop that must not stand still while nobody types.

Lines are read by a thread of its own that is never waited for, so that a program ends whether or
not anybody presses Enter.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncGenerator, Iterable

__all__ = ["typed"]


async def typed(lines: Iterable[str]) -> AsyncGenerator[str]:
    """The lines of a blocking iterable; the next is read once the one before was taken."""
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[str | None] = asyncio.Queue(1)

    def hand_over(line: str | None) -> bool:
        putting = inbox.put(line)
        try:
            asyncio.run_coroutine_threadsafe(putting, loop).result()
        except concurrent.futures.CancelledError:
            return False
        except RuntimeError:
            putting.close()
            if not loop.is_closed():
                raise
            return False
        return True

    def read() -> None:
        if all(map(hand_over, lines)):
            hand_over(None)

    threading.Thread(target=read, name="keyboard", daemon=True).start()
    while (line := await inbox.get()) is not None:
        yield line

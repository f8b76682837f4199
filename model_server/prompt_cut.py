"""Shortening a prompt from the left until it fits, on a line boundary where there is one.

Pure: counting tokens is the caller's business.
"""

import re
from collections.abc import Callable, Sequence

__all__ = ["LONGEST_TOKEN", "cut_prompt"]

LONGEST_TOKEN = 128
"""Characters; no token of GPT-2, Llama 3 or Qwen 2.5 holds more than 128."""


def cut_prompt(prompt: str, count_tokens: Callable[[str], int], room: int) -> str:
    """An end of ``prompt`` that has at most ``room`` tokens, as long as may be, begun by a line.

    When the last line alone is too long it begins with a word of that line, or, where there is no
    word boundary either, with any character.
    """
    # Never shown to the tokenizer: what could not fit if every token were the longest there is.
    # Within that a whole prompt is one count; each halving of the search costs one more.
    end = prompt[-room * LONGEST_TOKEN :] if room > 0 else ""
    if end == prompt and count_tokens(prompt) <= room:
        return prompt
    cut = len(prompt) - len(end)
    after_breaks = [m.end() for m in re.finditer("\n", end) if m.end() < len(end)]
    lines = [0, *after_breaks] if cut and prompt[cut - 1] == "\n" else after_breaks
    last = lines[-1] if lines else 0
    for starts in (
        lines,
        [m.start() for m in re.finditer(r"\s+\S", end) if m.start() > last],
        range(last + 1, len(end)),
    ):
        found = _first_that_fits(end, starts, count_tokens, room)
        if found is not None:
            return end[found:]
    return ""


def _first_that_fits(
    text: str, starts: Sequence[int], count_tokens: Callable[[str], int], room: int
) -> int | None:
    """The first start whose rest fits; a later start never has many more tokens than an earlier."""
    low, high = 0, len(starts)
    while low < high:
        middle = (low + high) // 2
        if count_tokens(text[starts[middle] :]) <= room:
            high = middle
        else:
            low = middle + 1
    # Token counts are not quite monotonic (a cut may break a token): look before trusting it.
    while low < len(starts) and count_tokens(text[starts[low] :]) > room:
        low += 1
    return starts[low] if low < len(starts) else None

"""Names of people and models as names of folders."""

import re

__all__ = ["safe_name"]

_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10)),
}
"""Names that Windows keeps for itself."""


def safe_name(name: str) -> str:
    """Lower case, with letters, digits, dots, dashes and underscores only; never empty."""
    plain = re.sub(r"[^\w.-]+", "-", name.casefold()).strip("-.")
    return f"clone-{plain}".rstrip("-") if not plain or plain in _DEVICES else plain

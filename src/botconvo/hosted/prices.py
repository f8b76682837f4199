"""What a tuning job may cost: one small table, and honest ignorance beside it."""

from dataclasses import dataclass

__all__ = ["AS_OF", "PRICES", "SERVICE", "SOURCE", "Estimate", "price_of"]

SERVICE = "api.openai.com"
"""The host whose prices stand here."""
SOURCE = "openai.com/api/pricing"
AS_OF = "2025"
"""When these prices were valid; they were written down from memory of that page, and not looked up
again, so every estimate says that they may have changed."""
PRICES = {
    "gpt-4.1-nano": 1.50,
    "gpt-4.1-mini": 5.00,
    "gpt-4.1": 25.00,
    "gpt-4o-mini": 3.00,
    "gpt-4o": 25.00,
    "gpt-3.5-turbo": 8.00,
    "babbage-002": 0.40,
    "davinci-002": 6.00,
}
"""US dollars for a million tokens of supervised tuning, by the beginning of a model's name; the
first one that fits counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """``tokens`` of the training file, ``epochs`` times, at ``price`` dollars a million."""

    tokens: int
    epochs: int
    price: float | None
    """None: nobody here knows it."""

    @property
    def billed(self) -> int:
        """Tokens that are paid for."""
        return self.tokens * self.epochs

    @property
    def dollars(self) -> float | None:
        return None if self.price is None else self.billed * self.price / 1_000_000


def price_of(host: str, model: str) -> float | None:
    """Dollars for a million tokens; None where it is not known."""
    if host != SERVICE:
        return None
    return next((price for name, price in PRICES.items() if model.startswith(name)), None)

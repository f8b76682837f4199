"""Whether the extra ``evaluate`` is installed."""

from botconvo.training.extra import require_extra, require_modules

__all__ = ["require_evaluation"]


def require_evaluation() -> None:
    """Import what evaluation needs (seconds).

    Raises:
        TrainingError: one of the libraries is missing, or cannot be loaded.
    """
    require_modules(("sklearn", "markovify", "matplotlib"), work="evaluation", extra="evaluate")
    require_extra()

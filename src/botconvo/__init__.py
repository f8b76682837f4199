"""Clone your friends as chat bots and let the clones talk."""

__version__ = "0.1.0"

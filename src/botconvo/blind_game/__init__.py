"""The blind game over a project: who may be shown what, a line of each, and the store.

``material`` finds what may be played with, ``table`` is where it is played.
"""

from botconvo.blind_game.material import Material, Played
from botconvo.blind_game.table import BlindGame

__all__ = ["BlindGame", "Material", "Played"]

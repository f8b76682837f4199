"""Live Discord history into the store, as a bot may read it: ``botconvo collect``."""

from botconvo.collecting.collect import ChannelTaken, Collecting, Progress, collect

__all__ = ["ChannelTaken", "Collecting", "Progress", "collect"]

"""The page: a place to talk in, and to watch every other one, in the owner's browser."""

from botconvo.platforms.web.platform import WebPlatform

__all__ = ["WebPlatform"]

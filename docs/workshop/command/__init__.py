"""The command `chalice-ws lesson`: copy a lesson's app, compare it, or check your own."""

from .cli import main

__all__ = ["main"]

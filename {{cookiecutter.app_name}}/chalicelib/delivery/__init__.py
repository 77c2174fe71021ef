"""Deliver pushes to the members of a channel."""

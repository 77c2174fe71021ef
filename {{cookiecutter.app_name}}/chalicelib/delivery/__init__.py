"""Delivery of pushes to the members of a channel."""

"""Frames, fields and the router: JSON text in, one reply out."""

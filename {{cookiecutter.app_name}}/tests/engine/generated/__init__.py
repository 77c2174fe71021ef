"""Copies of chalicelib/actions.py, access.py and replies.py, as the template generates them.

The engine's tests use them in place of the owner's: see tests/engine/conftest.py.
"""

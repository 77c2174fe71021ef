"""The app's tests: its actions, its access rules, its settings and its permissions.

They are the owner's to change, and test the owner's files as they are.
"""

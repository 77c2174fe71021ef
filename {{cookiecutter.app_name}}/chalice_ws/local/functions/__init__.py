"""Lambda: worker processes that load the app and run its functions."""

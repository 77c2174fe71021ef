"""Lambda authorizers, which allow or deny a request before the app sees it."""

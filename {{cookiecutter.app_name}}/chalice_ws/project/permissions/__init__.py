"""The policy files: what they allow, what the source of the app calls, and `make grant`."""

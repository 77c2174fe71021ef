"""The permissions of functions: what policies allow, and what the app's source calls."""

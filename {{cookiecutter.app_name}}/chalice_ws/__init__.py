"""Run, check and deploy Chalice WebSocket apps. Never deployed itself."""

# The version of the template and of the package chalice-ws.
__version__ = "0.5.0.dev0"

"""Run, check and deploy Chalice WebSocket apps. Never deployed itself."""

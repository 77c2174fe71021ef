"""Send a text to the app, and print what comes back."""

from websockets.sync.client import connect

with connect("ws://127.0.0.1:8000/api", proxy=None) as socket:
    socket.send("hello from Python")
    print(socket.recv(timeout=30))

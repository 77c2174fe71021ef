"""Connect a crowd, let the first of them speak, and say who hears it.

python crowd.py 10            ten people
python crowd.py 10 --leave    one of them leaves meanwhile
"""

import json
import sys
import time
from contextlib import ExitStack

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

URL = "ws://127.0.0.1:8000/api"


def next_frame(socket):
    """Return the next frame that has come, or None."""
    try:
        return json.loads(socket.recv(timeout=0.005))
    except (TimeoutError, ConnectionClosed):
        return None


people, leaves, reply, seconds = int(sys.argv[1]), "--leave" in sys.argv, None, 0.0
with ExitStack() as stack:
    sockets = [stack.enter_context(connect(URL, proxy=None)) for _ in range(people)]
    speaker, waiting = sockets[0], set(sockets)
    started = time.monotonic()
    speaker.send(json.dumps({"action": "broadcast", "data": "hello"}))
    while reply is None:
        # The reply of the speaker comes after all messages, so read it last.
        for socket in reversed(sockets):
            frame = next_frame(socket)
            if frame and frame.get("type") == "message":
                waiting.discard(socket)
                seconds = time.monotonic() - started
                if leaves:
                    leaves, people = False, people - 1
                    gone = next(each for each in sockets[1:] if each in waiting)
                    waiting.discard(gone)
                    gone.close()
            elif frame and socket is speaker:
                reply = frame
    waiting = {socket for socket in waiting if not next_frame(socket)}
heard = people - len(waiting)
who = f"all {people}" if not waiting else f"{heard} of {people}"
print(f"{who} people heard it, the last after {seconds:.2f} s")
print(f"the speaker got: {json.dumps(reply)}")

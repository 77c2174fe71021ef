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


def speak(people, leaver=None):
    """Let the first of the people speak. One leaves when somebody has heard it.

    Return those who heard it, in order, the seconds until the last of them did, and the reply.
    """
    heard, seconds, reply, end = [], 0.0, None, 0.0
    started = time.monotonic()
    people[0].send(json.dumps({"action": "broadcast", "data": "hello"}))
    while reply is None or (len(heard) < len(people) and time.monotonic() < end):
        for person in people:
            frame = next_frame(person)
            if frame and frame.get("type") == "message":
                heard.append(person)
                seconds = time.monotonic() - started
                if leaver:
                    leaver.close()
                    leaver = None
            elif frame and person is people[0]:
                # On a busy computer, a message may come after the reply.
                reply, end = frame, time.monotonic() + 2
    return heard, seconds, reply


with ExitStack() as stack:
    people = [stack.enter_context(connect(URL, proxy=None)) for _ in range(int(sys.argv[1]))]
    leaver = None
    if "--leave" in sys.argv:
        # Everybody hears it in the table's order. Somebody in the middle is to leave.
        order = [person for person in speak(people)[0] if person is not people[0]]
        leaver = order[len(order) // 2] if order else None
    heard, seconds, reply = speak(people, leaver)
count = len(people) - bool(leaver)
who = f"all {count}" if len(heard) == count else f"{len(heard)} of {count}"
print(f"{who} people heard it, the last after {seconds:.2f} s")
print(f"the speaker got: {json.dumps(reply)}")

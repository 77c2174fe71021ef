"""Follow a channel until a number of messages is here, over any number of connections.

python follow.py 50            join again after each close
python follow.py 50 --since    and ask for what was missed
"""

import json
import sys
import time
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

URL = "ws://127.0.0.1:8000/api"
wanted, resumes = int(sys.argv[1]), "--since" in sys.argv
numbers, last = [], None


def take(push):
    """Note a message that is new."""
    global last
    if push["data"] not in numbers:
        numbers.append(push["data"])
    last = max(last or "", push.get("message_id", ""))


while not numbers or numbers[-1] != wanted - 1:
    with connect(URL, proxy=None) as socket, suppress(ConnectionClosed):
        frame = {"action": "join", "channel": "tea"}
        socket.send(json.dumps({**frame, "since": last} if resumes and last else frame))
        for text in socket:
            push = json.loads(text)
            for each in push.get("messages", [push] if push.get("type") == "message" else []):
                take(each)
            if not numbers:
                print("waiting", flush=True)
            if numbers and numbers[-1] == wanted - 1:
                break
    if socket.close_code == 1001:
        print("closed by the gateway; away for two seconds", flush=True)
        time.sleep(2)
missing = sorted(set(range(wanted)) - set(numbers))
print("nothing is missing" if not missing else f"missing: {len(missing)} of {wanted} messages")

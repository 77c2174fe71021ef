"""Send numbered messages to a channel, from outside."""

import json
import sys
import time
from urllib.request import ProxyHandler, Request, build_opener

URL = "http://127.0.0.1:8000/api/messages"
opener = build_opener(ProxyHandler({}))


def send(number):
    """Send a message, and return the number of those who got it."""
    body = json.dumps({"channel": "tea", "data": number}).encode()
    request = Request(URL, body, {"Content-Type": "application/json"})
    with opener.open(request) as response:
        return json.load(response)["delivered"]


count = int(sys.argv[1])
for number in range(count):
    heard = send(number)
    time.sleep(0.5)
# The last one is sent until somebody hears it.
while not heard:
    heard = send(count - 1)
    time.sleep(0.5)
print("sent all")

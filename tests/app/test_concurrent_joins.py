"""Frames that one client sends at once, which several workers process."""

import json
from pathlib import Path
from typing import Any

from tests.local.gateway import SECONDS, client, serving

# MAX_CHANNELS of chalicelib/storage/connections.py. The lobby is not counted.
MAX_CHANNELS = 50


def test_concurrent_joins_keep_to_the_limit(app: Path, tmp_path: Path) -> None:
    with serving(app, app, tmp_path, "--workers=4") as gateway, client(gateway.url) as socket:
        for n in range(MAX_CHANNELS + 10):
            socket.send(json.dumps({"action": "join", "channel": f"c{n}", "id": n}))
        replies: list[dict[str, Any]] = []
        while len(replies) < MAX_CHANNELS + 10:
            frame = json.loads(socket.recv(timeout=SECONDS))
            replies += [frame] if "id" in frame else []
        refused = [reply for reply in replies if reply["type"] == "error"]
        assert [(each["code"], each["field"]) for each in refused] == [
            ("bad_field", "channel")
        ] * 10
        socket.send(json.dumps({"action": "channels", "id": "last"}))
        while (frame := json.loads(socket.recv(timeout=SECONDS))).get("id") != "last":
            pass
        joined = [each["channel"] for each in frame["channels"] if each["channel"] != "lobby"]
        assert len(joined) == MAX_CHANNELS

"""The real code at sizes that this machine can run: how long until the last has the message.

Run in a baked app's folder, with cases as JSON: lists of members, workers and shards. For each it
prints the seconds on a line. The functions' code, the sender and all HTTP are real. The queue is
moto's, the management API a server on this machine that answers after 10 ms; what DynamoDB would
answer comes from memory, since moto takes a second for what DynamoDB does in 20 ms.
"""

import asyncio
import importlib
import json
import os
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

LIMIT = 500
RPS = 500  # low, so that it is not this machine that is measured

processes = get_context("spawn")


def found(name: str) -> Any:
    """A module of the baked app, which is where this is run."""
    return importlib.import_module(name)


def stand_in(ends: Any) -> None:
    """The management API: told how many recipients to expect, it says when the last has heard."""
    heard: set[bytes] = set()
    last = asyncio.Event()
    expected = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                await asyncio.sleep(0.01)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                heard.add(head.split(b" ", 2)[1])
                if len(heard) == expected:
                    last.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        nonlocal expected
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
        ends.send(server.sockets[0].getsockname()[1])
        while True:
            expected = await asyncio.to_thread(ends.recv)
            heard.clear()
            last.clear()
            ends.send(0)
            await asyncio.wait_for(last.wait(), 60)
            ends.send(time.time())

    asyncio.run(run())


def remember(members: int) -> None:
    """Have the app read so many members, of whatever channel."""
    table = found("chalicelib.storage.table")
    shards: dict[int, list[str]] = {shard: [] for shard in table.shards()}
    for each in (f"member{n:09}=" for n in range(members)):
        shards[table.shards(each)[0]].append(each)

    def call(operation: str, **request: Any) -> dict[str, Any]:
        assert operation == "query"
        values = {
            name: each.get("S", "") for name, each in request["ExpressionAttributeValues"].items()
        }
        ids = shards[int(values[":channel"].rpartition("#")[2])]
        found = [each for each in ids if values[":after"] <= each <= values[":until"]]
        return {"Items": [{"connection_id": {"S": each}} for each in found]}

    table.call = call
    table.dynamodb = lambda: None
    found("chalicelib.sender.concurrent")  # imported late, in its first fan-out


def worker(members: int, ready: Any) -> None:
    """What Lambda and the function `fanout` do with the queue."""
    remember(members)
    scale = found("chalicelib.delivery.queue")
    queue = {"QueueUrl": os.environ["FANOUT_QUEUE"]}
    scale.sqs().receive_message(**queue)
    ready.release()
    while True:
        messages = scale.sqs().receive_message(**queue).get("Messages", [])
        for message in messages:
            event = {"Records": [{"messageId": "one", "body": message["Body"]}]}
            assert scale.process_batch(
                event, found("chalicelib.aws").Invocation(time.monotonic() + 26)
            ) == {"batchItemFailures": []}
            scale.sqs().delete_message(**queue, ReceiptHandle=message["ReceiptHandle"])
        if not messages:
            time.sleep(0.01)


def measure(members: int, workers: int, ends: Any, endpoint: str) -> float:
    """Seconds from a message's beginning until the last of so many has heard it."""
    remember(members)
    ready = processes.Semaphore(0)
    started = [
        processes.Process(target=worker, args=[members, ready], daemon=True) for _ in range(workers)
    ]
    try:
        for process in started:
            process.start()
        for _ in started:
            assert ready.acquire(timeout=30)
        ends.send(members)
        ends.recv()
        begin = time.time()
        broadcast = found("chalicelib.delivery.publish")
        push = broadcast.message("all", "hello")
        invocation = found("chalicelib.aws").Invocation(time.monotonic() + 26, endpoint)
        broadcast.publish(push, invocation)
        return float(ends.recv() - begin)
    finally:
        for process in started:
            process.terminate()
            process.join()


def main(cases: list[tuple[int, int, int]]) -> None:
    """Print a line of JSON for each case."""
    tables, sandbox, template = (
        found("chalice_ws.local.services"),
        found("chalice_ws.local.isolation"),
        found("chalice_ws.project.resources"),
    )
    os.environ.update(sandbox.isolate(tables.serve(), gateway="http://127.0.0.1:1/api"))
    del os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
    resources = template.Resources(
        [Path("resources.json"), Path("resources/scale.json")], "measured"
    )
    tables.create_queues(resources.queues())
    os.environ.update(resources.variables("Fanout"))
    os.environ.update(FANOUT_LIMIT=str(LIMIT), FANOUT_RPS=str(RPS), HISTORY_SECONDS="0")
    ours, theirs = processes.Pipe()
    api = processes.Process(target=stand_in, args=[theirs], daemon=True)
    api.start()
    endpoint = f"http://127.0.0.1:{ours.recv()}/api"
    for members, workers, shards in cases:
        os.environ["CHANNEL_SHARDS"] = str(shards)
        print(measure(members, workers, ours, endpoint), flush=True)
    api.terminate()
    api.join()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

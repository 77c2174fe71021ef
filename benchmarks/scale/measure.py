"""Measurement of the app's own code: the seconds until the last member has a message.

Run by its path in a baked app's folder, with the cases as JSON: lists of members, workers and
shards. It prints the seconds of each case on a line. The functions' code, the sender and all HTTP
are real. The queue is moto's. The management API is a server on this machine that answers after
10 ms. The rows of DynamoDB come from memory: moto takes a second where DynamoDB takes 20 ms.
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
# Low, so that the machine is not what limits the rate.
RPS = 500

processes = get_context("spawn")


def load(name: str) -> Any:
    """Import a module of the baked app, in whose folder this runs."""
    return importlib.import_module(name)


def stand_in(ends: Any) -> None:
    """Serve as the management API, until the process ends.

    Args:
        ends: a pipe that takes the number of recipients to expect, and returns the time at which
            the last of them got the message.
    """
    reached: set[bytes] = set()
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
                reached.add(head.split(b" ", 2)[1])
                if len(reached) == expected:
                    last.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        nonlocal expected
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
        ends.send(server.sockets[0].getsockname()[1])
        while True:
            expected = await asyncio.to_thread(ends.recv)
            reached.clear()
            last.clear()
            ends.send(0)
            await asyncio.wait_for(last.wait(), 600)
            ends.send(time.time())

    asyncio.run(run())


def replace_table(members: int) -> None:
    """Replace the app's table by one in memory: each channel has `members`."""
    table = load("chalicelib.storage.table")
    shards: dict[int, list[str]] = {shard: [] for shard in table.shards()}
    for each in (f"member{n:09}=" for n in range(members)):
        shards[table.shards(each)[0]].append(each)

    def call(operation: str, **request: Any) -> dict[str, Any]:
        assert operation == "query"
        values = {
            name: each.get("S", "") for name, each in request["ExpressionAttributeValues"].items()
        }
        ids = shards[int(values[":channel"].rpartition("#")[2])]
        in_range = [each for each in ids if values[":after"] <= each <= values[":until"]]
        return {"Items": [{"connection_id": {"S": each}} for each in in_range]}

    table.call = call
    table.dynamodb = lambda: None
    # The first fan-out imports it, which takes time.
    load("chalicelib.sender.concurrent")


def worker(members: int, ready: Any) -> None:
    """Take tasks from the queue and process them, as Lambda and the function `fanout` do."""
    replace_table(members)
    queue = load("chalicelib.delivery.queue")
    url = {"QueueUrl": os.environ["FANOUT_QUEUE"]}
    queue.sqs().receive_message(**url)
    ready.release()
    while True:
        messages = queue.sqs().receive_message(**url).get("Messages", [])
        for message in messages:
            event = {"Records": [{"messageId": "one", "body": message["Body"]}]}
            invocation = load("chalicelib.aws").Invocation(time.monotonic() + 26)
            assert queue.process_batch(event, invocation) == {"batchItemFailures": []}
            queue.sqs().delete_message(**url, ReceiptHandle=message["ReceiptHandle"])
        if not messages:
            time.sleep(0.01)


def measure(members: int, workers: int, ends: Any, endpoint: str) -> float:
    """Return the seconds from the publication of a message until it has reached all members."""
    replace_table(members)
    ready = processes.Semaphore(0)
    started = [
        processes.Process(target=worker, args=[members, ready], daemon=True) for _ in range(workers)
    ]
    try:
        for process in started:
            process.start()
        for _ in started:
            assert ready.acquire(timeout=600)
        ends.send(members)
        ends.recv()
        begin = time.time()
        delivery = load("chalicelib.delivery.pushes")
        push = delivery.new_message("all", "hello")
        invocation = load("chalicelib.aws").Invocation(time.monotonic() + 26, endpoint)
        delivery.publish(push, invocation)
        return float(ends.recv() - begin)
    finally:
        for process in started:
            process.terminate()
            process.join()


def main(cases: list[tuple[int, int, int]]) -> None:
    """Print a line of JSON for each case."""
    services, isolation, project = (
        load("chalice_ws.local.services"),
        load("chalice_ws.local.isolation"),
        load("chalice_ws.project.resources"),
    )
    os.environ.update(isolation.isolate(services.serve(), gateway="http://127.0.0.1:1/api"))
    del os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
    resources = project.Resources(
        [Path("resources.json"), Path("resources/scale.json")], "measured"
    )
    services.create_queues(resources.named("AWS::SQS::Queue"))
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

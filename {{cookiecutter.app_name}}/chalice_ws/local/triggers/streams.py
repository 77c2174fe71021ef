"""The stream of a DynamoDB table as a function's event source.

https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
"""

import asyncio
import base64
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from chalice_ws.local.functions.endpoints import STREAMS_ENDPOINT
from chalice_ws.local.functions.workers import Lambda
from chalice_ws.local.triggers.clients import make_client
from chalice_ws.local.triggers.polling import RETRY_SECONDS, poll

log = logging.getLogger("chalice_ws")

# Lambda reads a stream four times a second. (AWS)
POLL_SECONDS = 0.25

# AWS tries until the records expire by default, and processes no later
# record of the shard meanwhile.
MAX_ATTEMPTS = 3

DEFAULT_BATCH_SIZE = 100

# The start of the gateway. The tables that it creates are newer.
STARTED_AT = datetime.now(timezone.utc)

# The number of the last record that a function has had, by function and shard.
Positions = dict[tuple[str, str], str]


class Stream:
    """The stream of a table, and the function that gets its records.

    Args:
        name: the name of the function.
        table: the name of the table.
        mapping: the properties of the event source mapping.
        functions: what runs the function.
        environment: the variables from `isolate`.
        positions: what the function has had before this object was made.
    """

    def __init__(
        self,
        name: str,
        table: str,
        mapping: dict[str, Any],
        functions: Lambda,
        environment: dict[str, str],
        positions: Positions,
    ) -> None:
        self._name = name
        self._table = table
        self._batch_size = int(mapping.get("BatchSize", DEFAULT_BATCH_SIZE))
        self._functions = functions
        self._client = make_client("dynamodbstreams", STREAMS_ENDPOINT, environment)
        self._positions = positions
        # By shard.
        self._iterators: dict[str, str] = {}

    async def serve(self) -> None:
        """Invoke the function with the records of the stream, until cancelled."""
        await poll(self._process_shards, f"the stream of {self._table}")

    async def _process_shards(self) -> None:
        iterators = self._iterators or await asyncio.to_thread(self._open)
        # After an error the stream is opened again.
        self._iterators = {}
        following = {shard: await self._process(shard, each) for shard, each in iterators.items()}
        # A shard that is closed has no more records.
        self._iterators = {shard: each for shard, each in following.items() if each}
        await asyncio.sleep(POLL_SECONDS)

    def _open(self) -> dict[str, str]:
        (stream, *_) = self._client.list_streams(TableName=self._table)["Streams"]
        arn = stream["StreamArn"]
        description = self._client.describe_stream(StreamArn=arn)["StreamDescription"]
        ids = [shard["ShardId"] for shard in description["Shards"]]
        is_new = description["CreationRequestDateTime"] >= STARTED_AT
        positions = [self._position(shard, is_new) for shard in ids]
        answers = [
            self._client.get_shard_iterator(StreamArn=arn, ShardId=shard, **position)
            for shard, position in zip(ids, positions, strict=True)
        ]
        return {shard: each["ShardIterator"] for shard, each in zip(ids, answers, strict=True)}

    def _position(self, shard: str, is_new: bool) -> dict[str, str]:
        if number := self._positions.get((self._name, shard)):
            return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}
        # A stream of --database may have records from before.
        return {"ShardIteratorType": "TRIM_HORIZON" if is_new else "LATEST"}

    async def _process(self, shard: str, iterator: str) -> str:
        request = {"ShardIterator": iterator, "Limit": self._batch_size}
        answer = await asyncio.to_thread(self._client.get_records, **request)
        if records := answer["Records"]:
            arn = iterator.partition("|")[0]
            event = {"Records": [{**each, "eventSourceARN": arn} for each in _plain(records)]}
            await self._invoke(event)
            last = records[-1]["dynamodb"]["SequenceNumber"]
            self._positions[self._name, shard] = last
        return str(answer.get("NextShardIterator") or "")

    async def _invoke(self, event: dict[str, Any]) -> None:
        count = len(event["Records"])
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                await asyncio.sleep(RETRY_SECONDS)
            result = await self._functions.invoke(self._name, event)
            if not result.error:
                log.info("%-11s %d records done", self._name, count)
                return
        use = "AWS would try them again"
        log.error("%s: %d records failed %d times; %s", self._name, count, MAX_ATTEMPTS, use)


def _plain(records: list[Any]) -> Iterator[dict[str, Any]]:
    # As JSON, with times in seconds and bytes in base64.
    def convert(value: Any) -> Any:
        if isinstance(value, datetime):
            return int(value.timestamp())
        return base64.b64encode(value).decode()

    yield from json.loads(json.dumps(records, default=convert))

"""The request units of the app's requests to DynamoDB, by AWS's rules.

Run by its path in a baked app's folder. Prints {step: [read units, write units]} as JSON. moto's
ReturnConsumedCapacity is constant: the units are computed here, from the requests that the app
makes and the rows that they read or write.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

import importlib
import json
import os
from math import ceil
from typing import Any

Row = dict[str, Any]
Key = tuple[str, str]


def size(row: Row) -> int:
    """Return the bytes of a row.

    Names and texts count as UTF-8. A number has half a byte for each digit, and one more.
    """
    total = 0
    for name, ((kind, value),) in ((name, each.items()) for name, each in row.items()):
        total += len(name.encode())
        if kind == "S":
            total += len(value.encode())
        elif kind == "SS":
            total += 3 + sum(1 + len(each.encode()) for each in value)
        elif kind == "N":
            total += ceil(len(value) / 2) + 1
        else:
            raise NotImplementedError(kind)
    return total


class Meter:
    """A counter of the units that a DynamoDB client consumes.

    Args:
        client: the client to count.
        table: the name of the app's table.
    """

    def __init__(self, client: Any, table: str) -> None:
        self.read = self.write = 0.0
        self._client, self._table = client, table
        self._scanning = False
        self._before: dict[Key, Row] = {}
        client.meta.events.register("before-parameter-build.dynamodb", self._begin)
        client.meta.events.register("after-call.dynamodb", self._end)
        self._params: Row = {}

    def _rows(self) -> dict[Key, Row]:
        self._scanning = True
        pages = self._client.get_paginator("scan").paginate(TableName=self._table)
        rows = [row for page in pages for row in page["Items"]]
        self._scanning = False
        return {_key(row): row for row in rows}

    def _begin(self, params: Row, **_: Any) -> None:
        if not self._scanning:
            self._params, self._before = dict(params), self._rows()

    def _end(self, model: Any, parsed: Row, **_: Any) -> None:
        if self._scanning:
            return
        params, before, after = self._params, self._before, self._rows()

        def written(key: Row, times: int = 1) -> None:
            # A write counts also if its condition fails.
            sizes = [size(rows[_key(key)]) for rows in (before, after) if _key(key) in rows]
            self.write += times * max(1, ceil(max(sizes, default=0) / 1024))

        def was_read(keys: list[Key], consistent: bool) -> None:
            total = sum(size(before[key]) for key in keys if key in before)
            self.read += max(1, ceil(total / 4096)) * (1 if consistent else 0.5)

        name = model.name
        consistent = params.get("ConsistentRead", False)
        if name == "GetItem":
            was_read([_key(params["Key"])], consistent)
        elif name == "BatchGetItem":
            for wanted in params["RequestItems"].values():
                # Each row is rounded up by itself.
                for key in wanted["Keys"]:
                    was_read([_key(key)], wanted.get("ConsistentRead", False))
        elif name == "Query":
            # A filter or a projection does not reduce the units.
            partition = params["ExpressionAttributeValues"][":channel"]["S"]
            found = sorted(key for key in before if key[0] == partition)
            first = _key(params["ExclusiveStartKey"]) if "ExclusiveStartKey" in params else ("", "")
            found = [key for key in found if key > first][: parsed["ScannedCount"]]
            was_read(found, consistent)
        elif name in {"DeleteItem", "UpdateItem"}:
            written(params["Key"])
        elif name == "PutItem":
            written(params["Item"])
        elif name == "BatchWriteItem":
            for requests in params["RequestItems"].values():
                for request in requests:
                    written(request["DeleteRequest"]["Key"])
        elif name == "TransactWriteItems":
            for item in params["TransactItems"]:
                (write,) = item.values()
                written(write.get("Key") or write["Item"], times=2)
        else:
            raise NotImplementedError(name)


def _key(row: Row) -> Key:
    return row["channel"]["S"], row["connection_id"]["S"]


def main(members: int = 100) -> None:
    """Connect to a channel of `members`, run one step after another, and print their units."""

    # These modules are in the folder of the app.
    def load(name: str) -> Any:
        return importlib.import_module(name)

    table = load("chalicelib.storage.table")
    services, resources = load("chalice_ws.local.services"), load("chalice_ws.project.resources")
    conftest = load("tests.conftest")
    isolate = load("chalice_ws.local.isolation").isolate

    os.environ.update(isolate(services.serve(), gateway="http://127.0.0.1:1/api"))
    config = load("chalice_ws.project.config").read_config(conftest.PROJECT, "dev")
    settings = {"WS_ACTIONS": conftest.ALL_ACTIONS, "HISTORY_SECONDS": "0"}
    os.environ.update({**config.environment_variables, **settings})
    tables = resources.read_resources(config).tables()
    load("chalice_ws.project.tables").create_tables(tables)
    steps: dict[str, tuple[float, float]] = {}
    with conftest.Api(load("app").app) as api:
        # The rows of one member, which the others have under their own ids.
        first = api.connect()
        first.request("join", channel="tea")
        others = [api.attach().connection_id for _ in range(members - 2)]
        for channel in ("lobby", "tea"):
            row = table.call("get_item", Key=table.key(channel, first.connection_id))["Item"]
            rows = [{**row, "connection_id": {"S": each}} for each in others]
            load("tests.support.rows").write_rows(rows)
        meter = Meter(table.dynamodb(), load("chalicelib.settings").connections_table())

        def step(name: str) -> None:
            steps[name] = (meter.read, meter.write)
            meter.read = meter.write = 0

        client = api.connect()
        step("connect")
        client.request("name", name="Ann")
        step("name")
        assert client.request("join", channel="tea")["type"] == "joined"
        step("join")
        assert client.request("broadcast", channel="tea", data="hello")["type"] == "sent"
        step("broadcast")
        assert len(client.request("who", channel="tea")["members"]) == members
        step("who")
        assert client.request("channels")["type"] == "channels"
        step("channels")
        assert api.run("notify", {"channel": "tea", "data": 1})["delivered"] == members
        step("notify")
        assert client.request("leave", channel="tea")["type"] == "left"
        step("leave")
        client.request("leave", channel="tea")
        step("leave, not a member")
        client.request("join", channel="tea")
        step("join again")
        client.disconnect()
        step("disconnect")
        client = api.connect(user="ann")
        step("connect, signed in")
        client.request("join", channel="tea")
        step("join, signed in")
        assert client.request("broadcast", channel="tea", data="hello")["type"] == "sent"
        step("broadcast, signed in")
        message_id = f"{1:012x}-{1:016x}"
        assert client.request("read", channel="tea", message_id=message_id)["type"] == "read"
        step("read")
        assert api.run("notify", {"user": "ann", "data": 1})["delivered"] == 1
        step("notify of a user")
        client.disconnect()
        step("disconnect, signed in")
    print(json.dumps(steps))


if __name__ == "__main__":
    main()

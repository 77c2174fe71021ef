"""The DynamoDB of the local gateway."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.local.boto3_client import boto3_client
from tests.local.gateway import SECONDS, dynamodb

ROWS = 300


@pytest.fixture
def table(app: Path) -> Any:
    """A client of a DynamoDB with one table."""
    with dynamodb(app) as url, boto3_client("dynamodb", url) as client:
        client.create_table(
            TableName="rows",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield client


@pytest.mark.full
def test_rows_stay_beside_refused_transactions(table: Any) -> None:
    """A refused transaction undoes no write of another request."""
    missing = {
        "TableName": "rows",
        "Key": {"id": {"S": "missing"}},
        "ConditionExpression": "attribute_exists(id)",
    }

    # The client makes its classes of exceptions at the first use, and once more in another thread.
    canceled = table.exceptions.TransactionCanceledException

    def put(number: int) -> None:
        table.put_item(TableName="rows", Item={"id": {"S": str(number)}})

    def refused(number: int) -> None:
        item = {"TableName": "rows", "Item": {"id": {"S": f"refused {number}"}}}
        with pytest.raises(canceled):
            table.transact_write_items(TransactItems=[{"Put": item}, {"ConditionCheck": missing}])

    with ThreadPoolExecutor(8) as pool:
        steps = [pool.submit(step, n) for n in range(ROWS) for step in (put, refused)]
        for step in steps:
            step.result()
    found = table.scan(TableName="rows", ConsistentRead=True)["Items"]
    assert sorted(int(row["id"]["S"]) for row in found) == list(range(ROWS))


def test_request_without_its_body_does_not_affect_others(table: Any) -> None:
    host = table.meta.endpoint_url.partition("//")[2]
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), SECONDS) as raw:
        raw.sendall(
            f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n"
            "X-Amz-Target: DynamoDB_20120810.ListTables\r\n\r\n".encode()
        )
        # The server starts a thread for each connection, and this one's may come first.
        for _ in range(100):
            assert table.list_tables()["TableNames"] == ["rows"]
        raw.sendall(b"{}")
        assert raw.recv(100).startswith(b"HTTP/1.1 200 ")

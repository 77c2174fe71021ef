"""The people in each room, in a table."""

import os
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key

NOWHERE = "-"


class People:
    def __init__(self) -> None:
        # The table may not exist yet when this module is imported.
        self._table = boto3.resource("dynamodb").Table(os.environ["ROOMS_TABLE"])

    def add(self, connection_id: str) -> None:
        self._table.put_item(Item={"id": connection_id, "name": connection_id, "room": NOWHERE})

    def remove(self, connection_id: str) -> dict[str, Any] | None:
        found = self._table.delete_item(Key={"id": connection_id}, ReturnValues="ALL_OLD")
        return dict(found["Attributes"]) if "Attributes" in found else None

    def get(self, connection_id: str) -> dict[str, Any]:
        return dict(self._table.get_item(Key={"id": connection_id})["Item"])

    def change(self, connection_id: str, field: str, value: str) -> None:
        self._table.update_item(
            Key={"id": connection_id},
            UpdateExpression="SET #field = :value",
            ExpressionAttributeNames={"#field": field},
            ExpressionAttributeValues={":value": value},
        )

    def within(self, room: str) -> list[dict[str, Any]]:
        found = self._table.query(IndexName="by_room", KeyConditionExpression=Key("room").eq(room))
        return sorted(found["Items"], key=lambda person: str(person["name"]))

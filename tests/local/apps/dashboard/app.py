"""Devices post readings over REST; viewers see them at once."""

import os
import struct
import time
from decimal import Decimal
from functools import cached_property

import boto3
from chalice import Chalice, ForbiddenError, Response, WebsocketDisconnectedError

app = Chalice(app_name="dashboard")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()
app.api.binary_types.append("application/vnd.readings")


class Viewers:
    @cached_property
    def table(self):
        return boto3.resource("dynamodb").Table(os.environ["TABLE"])

    def add(self, connection_id, api):
        ttl = int(time.time()) + 7200
        self.table.put_item(Item={"id": connection_id, "ttl": ttl, "seen": Decimal(0), **api})

    def show(self, text):
        shown = 0
        for viewer in self.table.scan()["Items"]:
            # Outside of a WebSocket function Chalice does not know the API.
            app.websocket_api.configure_from_api_id(viewer["api_id"], viewer["stage"])
            try:
                app.websocket_api.send(viewer["id"], text)
                shown += 1
            except WebsocketDisconnectedError:
                self.table.delete_item(Key={"id": viewer["id"]})
        return shown


viewers = Viewers()


@app.on_ws_connect()
def connect(event):
    context = event.to_dict()["requestContext"]
    viewers.add(event.connection_id, {"api_id": context["apiId"], "stage": context["stage"]})


@app.on_ws_disconnect()
def disconnect(event):
    viewers.table.delete_item(Key={"id": event.connection_id})


@app.route("/readings/{device}", methods=["POST"], content_types=["application/vnd.readings"])
def readings(device):
    request = app.current_request
    if request.headers.get("x-device-key") != os.environ["API_KEY"]:
        raise ForbiddenError("wrong key")
    body = request.raw_body
    values = struct.unpack(f"<{len(body) // 4}f", body)
    shown = viewers.show(f"{device}: {max(values):.1f}")
    return {"count": len(values), "shown": shown}


@app.route("/export", methods=["GET", "HEAD"], cors=True)
def export():
    rows = "\n".join(f"{number},{number * number}" for number in range(1000))
    headers = {"Content-Type": "text/csv", "Content-Disposition": "attachment; filename=a.csv"}
    return Response(rows, headers=headers)


@app.route("/")
def index():
    page = "<!doctype html><title>Dashboard</title>"
    return Response(page, headers={"Content-Type": "text/html; charset=utf-8"})

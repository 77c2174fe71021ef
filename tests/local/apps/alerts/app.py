"""Alarms come from SNS, and go to those who subscribed to their topic."""

import json
import os

import boto3
from chalice import Chalice, WebsocketDisconnectedError

TOPIC = os.environ.get("ALARM_TOPIC", "alarms")

app = Chalice(app_name="alerts")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()
table = boto3.resource("dynamodb").Table("alerts-subscribers")


@app.on_ws_message()
def subscribe(event):
    topics = event.json_body["topics"]
    table.put_item(Item={"id": event.connection_id, "topics": topics})
    app.websocket_api.send(event.connection_id, json.dumps({"subscribed": topics}))


@app.on_ws_disconnect()
def unsubscribe(event):
    table.delete_item(Key={"id": event.connection_id})


@app.on_sns_message(topic=TOPIC)
def on_alarm(event):
    app.log.warning("alarm %s", event.subject)
    return deliver(event.subject, json.loads(event.message))


@app.route("/alarms/{topic}", methods=["POST"])
def by_hand(topic):
    return {"delivered": deliver(topic, app.current_request.json_body)}


def deliver(topic, alarm):
    app.websocket_api.configure_from_api_id("local", "api")
    delivered = 0
    for item in table.scan()["Items"]:
        if topic in item["topics"]:
            try:
                app.websocket_api.send(item["id"], json.dumps({"topic": topic, "alarm": alarm}))
                delivered += 1
            except WebsocketDisconnectedError:
                table.delete_item(Key={"id": item["id"]})
    return delivered

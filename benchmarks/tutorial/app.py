"""A chat as in Chalice's tutorial: the clients and tables that it makes when it is imported.

https://aws.github.io/chalice/tutorials/websockets.html
"""

import boto3
from boto3.session import Session
from chalice import Chalice
from chalice.app import WebsocketEvent

app = Chalice(app_name="tutorial")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()

table = boto3.resource("dynamodb").Table("connections")


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    for row in table.scan()["Items"]:
        app.websocket_api.send(row["connection_id"], event.body)

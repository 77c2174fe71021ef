"""An app that makes clients of the management API in each way that apps do."""

import boto3
import botocore.session
import deploy
import local
import project
import tools
from botocore import UNSIGNED
from botocore.config import Config
from chalice import Chalice
from chalice.app import WebsocketEvent

API = "apigatewaymanagementapi"
FIXED = "https://abc123.execute-api.eu-west-1.amazonaws.com/prod"

app = Chalice(app_name="clients")
app.experimental_feature_flags.update(["WEBSOCKETS"])

imported = boto3.client(API, endpoint_url=FIXED)
without_address = boto3.client(API)


@app.on_ws_message()
def send(event: WebsocketEvent) -> None:
    """Make a client in the way that the message names, and send the message back with it."""
    connection_id, way = event.connection_id, event.body
    context = event.to_dict()["requestContext"]
    address = f"https://{context['domainName']}/{context['stage']}"
    if way == "session set late":
        app.websocket_api.session = boto3.session.Session()
        app.websocket_api.send(connection_id, way)
        return
    clients = {
        "address of the event": lambda: boto3.client(API, endpoint_url=address),
        "fixed address": lambda: boto3.client(API, endpoint_url=FIXED),
        "custom domain": lambda: boto3.client(API, endpoint_url="https://ws.example.com"),
        "at import": lambda: imported,
        "without address": lambda: without_address,
        "own session": lambda: boto3.session.Session().client(API, endpoint_url=address),
        "another region": lambda: boto3.client(API, region_name="cn-north-1"),
        "botocore": lambda: botocore.session.Session().create_client(API, endpoint_url=FIXED),
        "unsigned": lambda: boto3.client(
            API, endpoint_url=FIXED, config=Config(signature_version=UNSIGNED)
        ),
    }
    clients[way]().post_to_connection(ConnectionId=connection_id, Data=way.encode())


@app.lambda_function()
def names(event: object, context: object) -> list[str]:
    return [each.NAME for each in (deploy, local, project, tools)]

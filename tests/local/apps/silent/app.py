"""An app without handlers for $connect and messages."""

import os
from typing import Any

from chalice import Chalice
from chalice.app import WebsocketEvent

app = Chalice(app_name="silent")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.on_ws_disconnect()
def depart(event: WebsocketEvent) -> None:
    pass


@app.lambda_function()
def greet(event: Any, context: Any) -> list[str]:
    return [os.environ["GREETING"], context.function_name]

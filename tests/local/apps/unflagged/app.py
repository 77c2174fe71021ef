"""An app without the WEBSOCKETS feature flag."""

from chalice import Chalice
from chalice.app import WebsocketEvent

app = Chalice(app_name="unflagged")


@app.on_ws_message()
def hear(event: WebsocketEvent) -> None:
    pass

"""An echo: what a client sends comes back."""

from boto3.session import Session
from chalice import Chalice

app = Chalice(app_name="workshop")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()


@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, event.body)

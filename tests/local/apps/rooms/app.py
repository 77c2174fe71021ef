"""A chat with rooms, in the form of other Chalice apps."""

from boto3.session import Session
from chalice import Chalice
from chalice.app import WebsocketEvent
from chalicelib.orders import Orders
from chalicelib.people import People
from chalicelib.post import Post

app = Chalice(app_name="rooms")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()


def orders(people: People) -> Orders:
    return Orders(people, Post(app.websocket_api, people))


@app.on_ws_connect()
def come(event: WebsocketEvent) -> None:
    People().add(event.connection_id)


@app.on_ws_message()
def talk(event: WebsocketEvent) -> None:
    orders(People()).obey(event.connection_id, event.body)


@app.on_ws_disconnect()
def go(event: WebsocketEvent) -> None:
    orders(People()).leave(event.connection_id)

"""WebSocket handlers cannot be in a blueprint: Chalice would not wrap them."""


def answer(api, event):
    api.send(event.connection_id, f"echo {event.body}")

"""Messages and bodies are pydantic models; a package comes from vendor/."""

import boto3
from chalice import BadRequestError, Chalice
from chalicelib.models import Command, Draw
from geometry import area
from pydantic import ValidationError

app = Chalice(app_name="models")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()


@app.on_ws_message()
def message(event):
    try:
        command = Command.validate_json(event.body)
    except ValidationError as error:
        app.websocket_api.send(event.connection_id, error.json(include_url=False))
        return {"statusCode": 400}
    if isinstance(command, Draw):
        reply = f"{area(command.width, command.height)} {command.unit.value}2"
        app.websocket_api.send(event.connection_id, reply)
    return {"statusCode": 200}


@app.route("/draw", methods=["POST"])
def draw():
    try:
        command = Draw.model_validate_json(app.current_request.raw_body)
    except ValidationError as error:
        raise BadRequestError(f"{error.error_count()} errors") from None
    return command.model_dump(mode="json")

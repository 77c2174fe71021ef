"""Three in a row, for two players that a Lambda authorizer knows."""

import json

import boto3
from botocore.exceptions import ClientError
from chalice import Chalice

app = Chalice(app_name="game")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()
games = boto3.resource("dynamodb").Table("games")

ROWS = ["012", "345", "678", "036", "147", "258", "048", "246"]


@app.on_ws_connect()
def connect(event):
    request = event.to_dict()
    player = request["requestContext"]["authorizer"]["principalId"]
    game = request["queryStringParameters"]["game"]
    try:
        games.update_item(
            Key={"game": game},
            UpdateExpression="SET players = list_append(if_not_exists(players, :none), :me), "
            "board = if_not_exists(board, :board)",
            ConditionExpression="attribute_not_exists(players) OR size(players) < :two",
            ExpressionAttributeValues={
                ":none": [],
                ":me": [{"id": event.connection_id, "name": player}],
                ":board": "." * 9,
                ":two": 2,
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return {"statusCode": 409}
    return {"statusCode": 200}


@app.on_ws_message()
def message(event):
    player = event.to_dict()["requestContext"]["authorizer"]["principalId"]
    move = event.json_body
    state = games.get_item(Key={"game": move["game"]}, ConsistentRead=True)["Item"]
    board, players = state["board"], state["players"]
    names = [each["name"] for each in players]
    turn = names[(9 - board.count(".")) % 2]
    if player != turn or board[move["cell"]] != ".":
        app.websocket_api.send(event.connection_id, json.dumps({"error": f"{turn} moves"}))
        return
    mark = "XO"[names.index(player)]
    board = board[: move["cell"]] + mark + board[move["cell"] + 1 :]
    games.update_item(
        Key={"game": move["game"]},
        UpdateExpression="SET board = :new",
        ConditionExpression="board = :old",
        ExpressionAttributeValues={":new": board, ":old": state["board"]},
    )
    won = any({board[int(cell)] for cell in row} == {mark} for row in ROWS)
    result = {"board": board, "winner": player if won else None}
    for each in players:
        app.websocket_api.send(each["id"], json.dumps(result))
    if won:
        for each in players:
            app.websocket_api.close(each["id"])


@app.on_ws_disconnect()
def disconnect(event):
    print("left:", event.to_dict()["requestContext"]["authorizer"]["principalId"])

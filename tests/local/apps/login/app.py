"""Sign up and log in over REST; the token opens the WebSocket."""

import hashlib
import os
import time

import boto3
import jwt
from chalice import (
    AuthResponse,
    Chalice,
    ConflictError,
    CORSConfig,
    Response,
    UnauthorizedError,
)

app = Chalice(app_name="login")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.Session()
app.api.cors = CORSConfig(allow_origin="https://app.example.com", allow_credentials=True)

SECRET = os.environ["JWT_SECRET"]
users = boto3.resource("dynamodb").Table(os.environ["USERS_TABLE"])


def hashed(password):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1000).hex()


def decode(token):
    return jwt.decode(token.removeprefix("Bearer "), SECRET, algorithms=["HS256"])


@app.authorizer(ttl_seconds=30)
def jwt_auth(auth_request):
    try:
        claims = decode(auth_request.token)
    except jwt.InvalidTokenError:
        return AuthResponse(routes=[], principal_id="nobody")
    return AuthResponse(routes=["/me"], principal_id=claims["sub"], context={"role": "user"})


@app.route("/signup", methods=["POST"])
def signup():
    body = app.current_request.json_body
    try:
        users.put_item(
            Item={"name": body["name"], "password": hashed(body["password"])},
            ConditionExpression="attribute_not_exists(#n)",
            ExpressionAttributeNames={"#n": "name"},
        )
    except users.meta.client.exceptions.ConditionalCheckFailedException:
        raise ConflictError(f"{body['name']} exists") from None
    return Response(body={"name": body["name"]}, status_code=201)


@app.route("/login", methods=["POST"], content_types=["application/x-www-form-urlencoded"])
def login():
    from urllib.parse import parse_qs

    form = parse_qs(app.current_request.raw_body.decode())
    found = users.get_item(Key={"name": form["name"][0]}).get("Item")
    if not found or found["password"] != hashed(form["password"][0]):
        raise UnauthorizedError("wrong name or password")
    token = jwt.encode({"sub": found["name"], "exp": int(time.time()) + 60}, SECRET, "HS256")
    cookie = f"token={token}; HttpOnly; Path=/"
    return Response({"token": token}, headers={"Set-Cookie": cookie})


@app.route("/me", authorizer=jwt_auth)
def me():
    return {"name": app.current_request.context["authorizer"]["principalId"]}


@app.on_ws_connect()
def connect(event):
    query = event.to_dict().get("queryStringParameters") or {}
    try:
        decode(query.get("token", ""))
    except jwt.InvalidTokenError:
        return {"statusCode": 401}
    return {"statusCode": 200}


@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, event.body.upper())

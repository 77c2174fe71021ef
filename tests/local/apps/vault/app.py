"""A handler that needs parameters of SSM and secrets of Secrets Manager."""

import json
import os

import boto3
from chalice import Chalice

app = Chalice(app_name="vault")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()


def parameters():
    client = boto3.client("ssm")
    answer = client.get_parameters_by_path(Path="/vault", Recursive=True, WithDecryption=True)
    return {each["Name"]: each["Value"] for each in answer["Parameters"]}


def secrets():
    client = boto3.client("secretsmanager")
    # By the Ref of the resource, which is an ARN, and by their names.
    names = [os.environ["SECRET"], "vault/webhook", "vault/text"]
    return [client.get_secret_value(SecretId=each)["SecretString"] for each in names]


@app.on_ws_message()
def tell(event):
    app.websocket_api.send(event.connection_id, json.dumps([parameters(), secrets()]))


@app.lambda_function()
def read(event, context):
    return boto3.client("ssm").get_parameter(Name=event["name"])["Parameter"]["Value"]


@app.lambda_function()
def reveal(event, context):
    return boto3.client("secretsmanager").get_secret_value(SecretId="any")["SecretString"]


@app.lambda_function()
def members(event, context):
    return boto3.client("dynamodb").scan(TableName="vault-dev-members")["Items"]

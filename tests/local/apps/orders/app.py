"""Orders go through a queue; the client that waits for one gets its state over the WebSocket."""

import json
import os
import uuid

import boto3
from boto3.dynamodb.conditions import Key
from chalice import Chalice, Cron, NotFoundError

app = Chalice(app_name="orders")
app.experimental_feature_flags.update(["WEBSOCKETS"])

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def push(event_context, connection_id, message):
    endpoint = f"https://{event_context['domainName']}/{event_context['stage']}"
    api = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
    try:
        api.post_to_connection(ConnectionId=connection_id, Data=json.dumps(message))
    except api.exceptions.GoneException:
        app.log.info("%s is gone", connection_id)


@app.on_ws_message()
def message(event):
    """Watch an order."""
    context = event.to_dict()["requestContext"]
    address = {key: context[key] for key in ("domainName", "stage")}
    table.put_item(
        Item={
            "pk": f"watch#{event.json_body['order']}",
            "sk": event.connection_id,
            "address": json.dumps(address),
        }
    )
    push(context, event.connection_id, {"watching": event.json_body["order"]})


@app.route("/orders", methods=["POST"])
def create_order():
    order = {"id": str(uuid.uuid4()), **app.current_request.json_body}
    table.put_item(Item={"pk": f"order#{order['id']}", "sk": "-", "state": "new"})
    url = sqs.get_queue_url(QueueName=os.environ["QUEUE_NAME"])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(order), DelaySeconds=2)
    return {"id": order["id"]}


@app.route("/orders/{order_id}")
def get_order(order_id):
    found = table.get_item(Key={"pk": f"order#{order_id}", "sk": "-"}).get("Item")
    if not found:
        raise NotFoundError(f"no order {order_id}")
    return {"state": found["state"]}


@app.on_sqs_message(queue=os.environ["QUEUE_NAME"], batch_size=10)
def work(event):
    for record in event:
        order = json.loads(record.body)
        if order.get("item") == "poison":
            raise ValueError("cannot make it")
        table.update_item(
            Key={"pk": f"order#{order['id']}", "sk": "-"},
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={":s": "ready"},
        )
        watchers = table.query(KeyConditionExpression=Key("pk").eq(f"watch#{order['id']}"))
        for item in watchers["Items"]:
            push(json.loads(item["address"]), item["sk"], {"order": order["id"], "state": "ready"})


@app.route("/invoices/{customer}", methods=["POST"])
def create_invoice(customer):
    url = sqs.get_queue_url(QueueName="invoices.fifo")["QueueUrl"]
    body = app.current_request.raw_body.decode()
    sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=customer)
    return {}


@app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:123456789012:invoices.fifo")
def send_invoice(event):
    for record in event:
        group = record.to_dict()["attributes"]["MessageGroupId"]
        print(f"invoice for {group}: {record.body}")


@app.schedule(Cron(0, 3, "*", "*", "?", "*"))
def clean(event):
    """Delete the orders that are ready."""
    ready = [each for each in table.scan()["Items"] if each.get("state") == "ready"]
    with table.batch_writer() as batch:
        for each in ready:
            batch.delete_item(Key={"pk": each["pk"], "sk": each["sk"]})
    return {"deleted": len(ready)}

"""DynamoDB, SQS, SNS, SSM and Secrets Manager on this machine: moto's server."""

import io
import json
import logging
import os
import re
import threading
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalice_ws.local.definitions import Definitions
from chalice_ws.local.functions.endpoints import (
    DATABASE_ENDPOINT,
    PARAMETERS_ENDPOINT,
    QUEUES_ENDPOINT,
    SECRETS_ENDPOINT,
    STREAMS_ENDPOINT,
    TOPICS_ENDPOINT,
)
from chalice_ws.local.isolation import isolate
from chalice_ws.local.origins import Origins
from chalice_ws.local.processes import Channel
from chalice_ws.project.tables import create_tables

# The properties that CreateQueue is given. The others have no effect on this machine.
_QUEUE_ATTRIBUTES = {
    *("ContentBasedDeduplication", "DelaySeconds", "FifoQueue", "MaximumMessageSize"),
    *("MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedrivePolicy"),
    "VisibilityTimeout",
}

READ_TIMEOUT_SECONDS = 60

# The region in the header Authorization of a signed request.
_SIGNED_REGION = re.compile(r"(Credential=[^/]+/\d+/)[^/]+")


def serve() -> str:
    """Start empty services on a free port, in a thread; return their URL."""
    # moto takes half a second to import, and not every command needs it.
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = DomainDispatcherApplication(create_backend_app)

    class RequestHandler(MotoRequestHandler):  # type: ignore[misc, unused-ignore]
        # Seconds for each read. A client that sends nothing would keep a thread.
        timeout = READ_TIMEOUT_SECONDS

    server = make_server(
        "127.0.0.1",
        0,
        _refuse_other_hosts(_in_one_region(_serialize_dynamodb(application))),
        threaded=True,
        request_handler=RequestHandler,
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def _refuse_other_hosts(application: Callable[..., Any]) -> Callable[..., Any]:
    # moto answers the requests of every web page.
    origins = Origins()

    def serve_request(environ: dict[str, Any], start_response: Any) -> Any:
        problem = origins.problem(environ.get("HTTP_HOST"), environ.get("HTTP_ORIGIN"))
        # An image, a script or a link has no Origin. Browsers send Sec-Fetch-Site with all of them.
        if problem is None and environ.get("HTTP_SEC_FETCH_SITE", "none") != "none":
            problem = "not available to web pages"
        if problem is None:
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [problem.encode()]

    return serve_request


def _in_one_region(application: Callable[..., Any]) -> Callable[..., Any]:
    # moto keeps the tables of each region apart. They are created in AWS_REGION, and an app may
    # name another region in its code. So each request is served as one of AWS_REGION.
    region = os.environ.get("AWS_REGION", "us-east-1")

    def serve_request(environ: dict[str, Any], start_response: Any) -> Any:
        signed = environ.get("HTTP_AUTHORIZATION", "")
        environ["HTTP_AUTHORIZATION"] = _SIGNED_REGION.sub(rf"\g<1>{region}", signed)
        return application(environ, start_response)

    return serve_request


def _serialize_dynamodb(application: Callable[..., Any]) -> Callable[..., Any]:
    # moto's transactions are not safe for threads: one that is refused restores a copy of the
    # tables, without the rows that other requests have written meanwhile.
    lock = threading.Lock()

    def serve_request(environ: dict[str, Any], start_response: Any) -> Any:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            return application(environ, start_response)
        # A client that sends its body late must not keep the lock.
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        with lock:
            return application(environ, start_response)

    return serve_request


def run(channel: Channel, definitions: Definitions, database: str | None) -> None:
    """Create what an app expects, and send the endpoints of its services to the gateway.

    Args:
        channel: to the gateway. An error is sent as text.
        definitions: what to create. A table that exists already is kept.
        database: the URL of a DynamoDB to use; None: serve one, until the gateway ends.
    """
    others = {
        QUEUES_ENDPOINT: definitions.queues,
        TOPICS_ENDPOINT: definitions.topics,
        PARAMETERS_ENDPOINT: definitions.parameters,
        SECRETS_ENDPOINT: definitions.secrets,
    }
    own = serve() if any(others.values()) or not database else ""
    used = database or own
    os.environ.update(isolate(database=own or used, gateway=used))
    endpoints = {DATABASE_ENDPOINT: used, STREAMS_ENDPOINT: used}
    endpoints |= {name: own for name, defined in others.items() if defined}
    os.environ.update(endpoints)
    try:
        create_missing_tables(definitions.tables)
        put_rows(definitions.rows)
        create_queues(definitions.queues)
        create_topics(definitions.topics)
        create_values(definitions)
    except (BotoCoreError, ClientError) as error:
        channel.send({"error": " ".join(str(error).split())})
        return
    channel.send({"endpoints": endpoints})
    # The process ends with the gateway.
    threading.Event().wait()


def create_missing_tables(tables: list[dict[str, Any]]) -> None:
    """Create the tables that do not exist, from their CloudFormation properties."""
    pages = boto3.client("dynamodb").get_paginator("list_tables").paginate()
    existing = {name for page in pages for name in page["TableNames"]}
    create_tables([table for table in tables if table["TableName"] not in existing])


def put_rows(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Put rows into tables, by the table's name."""
    dynamodb = boto3.client("dynamodb")
    for table, items in rows.items():
        for item in items:
            dynamodb.put_item(TableName=table, Item=item)


def create_queues(queues: dict[str, dict[str, Any]]) -> None:
    """Create queues from their CloudFormation properties, by URL."""
    sqs = boto3.client("sqs")
    # A queue with a redrive policy needs its dead-letter queue, so it comes later.
    for url, queue in sorted(queues.items(), key=lambda each: "RedrivePolicy" in each[1]):
        attributes = {name: json.dumps(queue[name]) for name in _QUEUE_ATTRIBUTES & queue.keys()}
        sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes=attributes)


def create_topics(topics: dict[str, list[dict[str, Any]]]) -> None:
    """Create topics by name, each with the queues that subscribe to it."""
    sns = boto3.client("sns")
    for name, subscriptions in topics.items():
        attributes = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
        arn = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
        for subscription in subscriptions:
            sns.subscribe(TopicArn=arn, **subscription)


def create_values(definitions: Definitions) -> None:
    """Create the parameters of SSM and the secrets of Secrets Manager."""
    ssm, manager = boto3.client("ssm"), boto3.client("secretsmanager")
    for parameter in definitions.parameters:
        ssm.put_parameter(**parameter)
    for name, text in definitions.secrets.items():
        manager.create_secret(Name=name, SecretString=text)

"""boto3 and moto in half of the time, which is most of the time of the tests."""

import os
from contextlib import suppress
from functools import cache
from types import SimpleNamespace
from typing import Any

from botocore import UNSIGNED

from chalicelib.aws import session


def make_quick() -> None:
    """Leave out work that boto3 and moto repeat, and that no test needs."""
    # moto reads no signature. Those of other services stay: an action may return a signed URL.
    session.events.register("choose-signer.dynamodb", _choose_signer)
    for change in (
        _read_each_file_once,
        _list_services_once,
        _answer_dynamodb_at_once,
        _list_methods_once,
        _take_attributes_as_named,
    ):
        # Another version may not have what is changed. It is slower then.
        with suppress(ImportError, AttributeError, TypeError):
            change()


def _choose_signer(**_: Any) -> Any:
    # A server of moto, which is at an address, takes the region from the signature.
    return None if "AWS_ENDPOINT_URL" in os.environ else UNSIGNED


def _read_each_file_once() -> None:
    # Each session of boto3 reads the megabyte that describes the regions. Some tests make sessions.
    from botocore.loaders import JSONFileLoader

    load = cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda self, path: load(path)


def _list_services_once() -> None:
    # Each session of boto3 looks into the folders of 400 services.
    from botocore.loaders import Loader

    list_services = Loader.list_available_services
    listed: dict[Any, Any] = {}

    def list_once(self: Any, type_name: str) -> Any:
        key = (*self.search_paths, type_name)
        if key not in listed:
            listed[key] = list_services(self, type_name)
        return listed[key]

    Loader.list_available_services = list_once


def _list_methods_once() -> None:
    # moto lists the methods of a service's class for each request.
    from moto.core import responses

    name = "method_names_from_class"
    setattr(responses, name, cache(getattr(responses, name)))


def _take_attributes_as_named() -> None:
    # moto tries several spellings of each attribute. Its answers of DynamoDB have the right one.
    from moto.core.serialize import ResponseSerializer

    name = "get_value"
    get_value = getattr(ResponseSerializer, name)

    def get_attribute(self: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
        if type(value) is dict and self.service_model.service_name == "dynamodb":
            return value.get(key)
        return get_value(self, value, key, shape)

    setattr(ResponseSerializer, name, get_attribute)


def _answer_dynamodb_at_once() -> None:
    # moto looks for the service of each request, and makes a request of werkzeug of it.
    from moto.core.botocore_stubber import BotocoreStubber
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.responses import DynamoHandler

    def answer(operation: str, url: str, body: bytes) -> Any:
        handler: Any = DynamoHandler()
        handler.current_account = DEFAULT_ACCOUNT_ID
        handler.querystring = {"Action": [operation]}
        handler.headers = {"Content-Type": "application/x-amz-json-1.0"}
        handler.response_headers = {}
        handler.uri_match = {}
        handler.normalized_request = SimpleNamespace(
            method="POST",
            path="/",
            values={},
            headers=handler.headers,
            content_type=handler.headers["Content-Type"],
            data=body,
        )
        handler.region = handler.get_region_from_url(handler.normalized_request, url)
        handler.parse_parameters(handler.normalized_request)
        return handler.call_action()

    process = BotocoreStubber.process_request

    def process_request(self: BotocoreStubber, request: Any) -> Any:
        target = request.headers.get("X-Amz-Target", b"")
        # Another address is that of a server, which answers itself.
        if not target.startswith(b"DynamoDB_") or ".amazonaws.com/" not in request.url:
            return process(self, request)
        return answer(target.decode().rpartition(".")[2], request.url, request.body)

    answer("ListTables", "https://dynamodb.us-east-1.amazonaws.com/", b"{}")
    name = "process_request"
    setattr(BotocoreStubber, name, process_request)

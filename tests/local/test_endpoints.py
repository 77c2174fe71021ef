"""Calls of an app to AWS: each stays on this machine, whatever endpoint and proxy it names."""

import json
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copytree

import pytest

from tests.local.boto3_client import boto3_client
from tests.local.gateway import (
    APPS,
    SECONDS,
    Gateway,
    ask,
    client,
    command,
    dynamodb,
    running,
    serving,
)
from tests.local.machine import environment
from tests.local.test_apps import CLIENTS

TABLE = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")

# Calls to services that nothing stands in for, and a part of each error.
REFUSED = [
    ("boto3.client('s3').list_buckets()", "--endpoint s3=URL"),
    ("boto3.resource('s3').create_bucket(Bucket='any')", "--endpoint s3=URL"),
    ("boto3.client('sns').list_topics()", "--endpoint sns=URL"),
    ("boto3.client('secretsmanager').list_secrets()", "--endpoint secretsmanager=URL"),
    ("boto3.client('sts').get_caller_identity()", "--endpoint sts=URL"),
    (
        "boto3.client('s3', endpoint_url='https://s3.us-east-1.amazonaws.com').list_buckets()",
        "--endpoint s3=URL",
    ),
    (
        "boto3.client('sns', 'cn-north-1', "
        "endpoint_url='https://sns.cn-north-1.amazonaws.com.cn').list_topics()",
        "--endpoint sns=URL",
    ),
    (
        "boto3.Session(aws_access_key_id='AKIA', aws_secret_access_key='secret')"
        ".client('ec2', 'eu-west-1', endpoint_url='https://ec2.eu-west-1.api.aws')"
        ".describe_regions()",
        "--endpoint ec2=URL",
    ),
    (
        "boto3.client('ssm', config=boto3.session.Config("
        "ignore_configured_endpoint_urls=True, use_dualstack_endpoint=True)).describe_parameters()",
        "--endpoint ssm=URL",
    ),
    ("boto3.client('sqs').list_queues()", "define the queue in resources.json"),
    (
        "boto3.client('sqs', endpoint_url='https://sqs.us-east-1.amazonaws.com').list_queues()",
        "define the queue in resources.json",
    ),
]

# Ways to list the tables.
DATABASE_CLIENTS = [
    "boto3.client('dynamodb')",
    "boto3.resource('dynamodb').meta.client",
    "boto3.client('dynamodb', 'eu-west-1')",
    "boto3.client('dynamodb', endpoint_url='https://dynamodb.eu-west-1.amazonaws.com')",
    "boto3.Session(region_name='us-west-2').client('dynamodb', use_ssl=False)",
    "boto3.client('dynamodb', config=boto3.session.Config(use_dualstack_endpoint=True))",
    "boto3.client('dynamodb', config=boto3.session.Config(use_fips_endpoint=True))",
    "boto3.client('dynamodb', config=boto3.session.Config("
    "proxies={'http': 'http://127.0.0.1:9', 'https': 'http://127.0.0.1:9'}))",
]


class Recorder(ThreadingHTTPServer):
    """A server that notes the path of each request, and answers it as S3 without buckets does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        body = b"<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_CONNECT = do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def started(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def proxy() -> Iterator[Recorder]:
    """A proxy that everything uses which does not know better."""
    with Recorder() as server, started(server), pytest.MonkeyPatch.context() as patch:
        for name in PROXIES:
            patch.setenv(name, server.url)
        for name in ("NO_PROXY", "no_proxy"):
            patch.delenv(name, raising=False)
        yield server


@pytest.fixture(scope="module")
def proxied(
    app: Path, tmp_path_factory: pytest.TempPathFactory, proxy: Recorder
) -> Iterator[Gateway]:
    """A gateway behind a proxy, with an app that has a table."""
    tmp = tmp_path_factory.mktemp("proxied")
    project = copytree(APPS / "bare", tmp / "bare")
    with_tables(project, "rows")
    with serving(app, project, tmp, "--workers=2") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def without_services(
    app: Path, tmp_path_factory: pytest.TempPathFactory, proxy: Recorder
) -> Iterator[Gateway]:
    """A gateway behind a proxy, with an app that has neither tables nor queues."""
    with running(app, "bare", tmp_path_factory.mktemp("without"), "--workers=1") as gateway:
        yield gateway


def with_tables(project: Path, *names: str) -> None:
    """Add tables to an app's resources.json."""
    tables = {
        name: {"Type": "AWS::DynamoDB::Table", "Properties": {**TABLE, "TableName": name}}
        for name in names
    }
    (project / "resources.json").write_text(json.dumps({"Resources": tables}))


def outcome(gateway: Gateway, code: str) -> str:
    """Evaluate code in a function of the app; return the value, or the error's text."""
    found = json.loads(gateway.invoke("echo", {"eval": code}).body)
    return str(found.get("outcome", found.get("errorMessage")))


@pytest.mark.parametrize(("code", "use"), REFUSED)
def test_call_to_another_service_is_refused(
    proxied: Gateway, proxy: Recorder, code: str, use: str
) -> None:
    text = outcome(proxied, code)
    assert "is not available on this machine" in text
    assert text.endswith(use)
    assert proxy.seen == []


@pytest.mark.parametrize("way", DATABASE_CLIENTS)
def test_dynamodb_client_reaches_this_machine(proxied: Gateway, proxy: Recorder, way: str) -> None:
    assert outcome(proxied, f"{way}.list_tables()['TableNames']") == "['rows']"
    assert proxy.seen == []


def test_lambda_client_reaches_the_gateway(proxied: Gateway, proxy: Recorder) -> None:
    endpoint = "https://lambda.us-east-1.amazonaws.com"
    code = f"boto3.client('lambda', endpoint_url='{endpoint}').invoke(FunctionName='echo')"
    assert outcome(proxied, f"{code}['StatusCode']") == "200"
    assert proxy.seen == []


@pytest.mark.parametrize("way", DATABASE_CLIENTS[:4])
def test_dynamodb_without_a_table_is_refused(
    without_services: Gateway, proxy: Recorder, way: str
) -> None:
    text = outcome(without_services, f"{way}.list_tables()")
    assert text.endswith("define a table in resources.json, or use --database URL")
    assert proxy.seen == []


def test_emulator_that_the_app_names_is_used(proxied: Gateway, proxy: Recorder) -> None:
    with Recorder() as emulator, started(emulator):
        code = f"boto3.client('s3', endpoint_url='{emulator.url}').list_buckets()['Buckets']"
        assert outcome(proxied, code) == "[]"
    assert (len(emulator.seen), proxy.seen) == (1, [])


@pytest.mark.full
@pytest.mark.parametrize("endpoint", ["None", "'https://s3.us-east-1.amazonaws.com'"])
def test_emulator_of_the_option_is_used(
    app: Path, tmp_path: Path, proxy: Recorder, endpoint: str
) -> None:
    with (
        Recorder() as emulator,
        started(emulator),
        running(app, "bare", tmp_path, f"--endpoint=s3={emulator.url}") as gateway,
    ):
        code = f"boto3.client('s3', endpoint_url={endpoint}).list_buckets()['Buckets']"
        assert outcome(gateway, code) == "[]"
    assert (len(emulator.seen), proxy.seen) == (1, [])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--endpoint=s4=http://127.0.0.1:9", "AWS has no such service (got 's4')"),
        ("--endpoint=s3", "not a service and a URL (got 's3')"),
        ("--endpoint=s3=127.0.0.1:9", "not a URL (got '127.0.0.1:9')"),
    ],
)
def test_endpoint_that_is_not_valid_is_refused(
    app: Path, tmp_path: Path, option: str, message: str
) -> None:
    done = subprocess.run(
        command(APPS / "bare", option),
        cwd=app,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "region"),
    [({}, "us-east-1"), ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1")],
)
def test_region_has_a_default(
    app: Path, tmp_path: Path, variables: dict[str, str], region: str
) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    with serving(app, project, tmp_path, "--workers=0", variables=variables) as gateway:
        assert outcome(gateway, "os.environ['AWS_REGION']") == region
        assert outcome(gateway, "boto3.session.Session().region_name") == region


@pytest.mark.parametrize("workers", ["--workers=2", "--workers=0"])
def test_clients_of_the_management_api_pass_the_proxy_by(
    app: Path, tmp_path: Path, proxy: Recorder, workers: str
) -> None:
    with running(app, "clients", tmp_path, workers) as gateway, client(gateway.url) as guest:
        for way in CLIENTS:
            assert ask(guest, way) == way
    assert proxy.seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_request_of_the_app_to_this_machine_passes_the_proxy_by(
    proxied: Gateway, proxy: Recorder, host: str
) -> None:
    with Recorder() as server, started(server):
        code = f"__import__('urllib.request').request.urlopen('http://{host}:{server.server_port}')"
        assert outcome(proxied, f"{code}.status") == "200"
    assert (len(server.seen), proxy.seen) == (1, [])


def test_request_of_the_app_to_another_host_uses_the_proxy(
    proxied: Gateway, proxy: Recorder
) -> None:
    code = "__import__('urllib.request').request.urlopen('http://www.example.com/')"
    try:
        assert outcome(proxied, f"{code}.status") == "200"
        assert proxy.seen == ["http://www.example.com/"]
    finally:
        proxy.seen.clear()


# A DynamoDB elsewhere


@pytest.mark.full
def test_database_is_used_without_resources(app: Path, tmp_path: Path) -> None:
    with (
        dynamodb(app) as url,
        running(app, "bare", tmp_path, f"--database={url}") as gateway,
        boto3_client("dynamodb", url) as database,
    ):
        database.create_table(TableName="theirs", **TABLE)
        assert outcome(gateway, "boto3.client('dynamodb').list_tables()['TableNames']") == (
            "['theirs']"
        )


@pytest.mark.full
def test_database_with_more_than_100_tables_is_used(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    with_tables(project, "zzz")
    with dynamodb(app) as url, boto3_client("dynamodb", url) as database:
        for number in range(100):
            database.create_table(TableName=f"table-{number:03}", **TABLE)
        # The first gateway creates the table, on the second page, and the second one finds it.
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            with serving(app, project, tmp_path / name, f"--database={url}") as gateway:
                code = "boto3.resource('dynamodb').Table('zzz').item_count"
                assert outcome(gateway, code) == "0"


@pytest.mark.full
def test_queues_beside_a_database_elsewhere_are_served(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs"}}
    (project / "resources.json").write_text(json.dumps({"Resources": {"Jobs": queue}}))
    with dynamodb(app) as url, serving(app, project, tmp_path, f"--database={url}") as gateway:
        code = "boto3.client('sqs').get_queue_url(QueueName='jobs')['QueueUrl']"
        assert outcome(gateway, code).endswith("/jobs")
        assert outcome(gateway, "boto3.client('dynamodb').list_tables()['TableNames']") == "[]"
        with boto3_client("sqs", url) as elsewhere:
            assert "QueueUrls" not in elsewhere.list_queues()


def test_database_that_does_not_answer_is_one_line(app: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(APPS / "bare", "--database=http://127.0.0.1:9"),
        cwd=app,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stderr.startswith("error: cannot use the database http://127.0.0.1:9 (got ")
    assert done.stderr.count("\n") == 1

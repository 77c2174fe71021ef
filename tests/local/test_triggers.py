"""Functions without a route: those that are invoked here, and those that are only named."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.local.gateway import APPS, Gateway, client, poll, replace, running, serving
from tests.local.machine import environment

pytestmark = pytest.mark.full

NAMED = [
    "count (Lambda function)",
    "minutely (schedule rate(1 minute))",
    "nightly (schedule cron(0 3 * * ? *))",
    "on_alarm (SNS topic alarms)",
    "on_click (Kinesis stream clicks)",
    'on_event (event {"source": ["aws.ec2"]})',
    "on_picture (S3 bucket pictures)",
    "other_queue (SQS queue elsewhere)",
]


def test_function_that_nothing_invokes_is_named_at_the_start(app: Path, tmp_path: Path) -> None:
    with running(app, "jobs", tmp_path) as gateway:
        gateway.prints("Press Ctrl-C")
        lines = gateway.printed().splitlines()
        options = f"--project-dir {gateway.project} --port {gateway.port}"
        for text in NAMED:
            name = text.split()[0]
            (line,) = [line for line in lines if line.startswith(f"  {text}: run it with ")]
            assert line.endswith(f"python -m chalice_ws invoke {name} {options}")
        # The command works as it is printed.
        command = line.partition("run it with ")[2].split()
        done = subprocess.run(command, cwd=app, env=environment(tmp_path), capture_output=True)
        assert done.stdout == b'["{\\"hello\\": \\"world\\"}"]\n', done.stderr
        # Its queue is polled.
        assert not [line for line in lines if "invoke work" in line]


def test_queue_of_the_resource_files_is_polled(app: Path, tmp_path: Path) -> None:
    with running(app, "jobs", tmp_path) as gateway, client(gateway.url) as guest:
        guest.send("tea")
        assert guest.recv(120) == "job tea"


RESOURCES = """\
AWSTemplateFormatVersion: 2010-09-09
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties: {QueueName: jobs}
  Seen:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub "${AWS::StackName}-seen"
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
Outputs:
  Queue: {Value: !GetAtt Jobs.Arn}
"""


@pytest.mark.parametrize("name", ["resources.yaml", "resources.yml"])
def test_tables_and_queues_in_yaml_are_here(app: Path, tmp_path: Path, name: str) -> None:
    project = shutil.copytree(APPS / "jobs", tmp_path / "jobs")
    (project / "resources.json").unlink()
    (project / name).write_text(RESOURCES)
    with serving(app, project, tmp_path) as gateway, client(gateway.url) as guest:
        guest.send("tea")
        assert guest.recv(120) == "job tea"
        assert "tables: jobs-dev-seen\n" in gateway.printed()


def test_schedule_that_is_switched_on_is_not_named(app: Path, tmp_path: Path) -> None:
    with running(app, "jobs", tmp_path, "--schedules") as gateway:
        gateway.prints("minutely runs on its schedule, rate(1 minute)")
        gateway.prints("nightly runs on its schedule, cron(0 3 * * ? *)")
        assert "invoke nightly" not in gateway.printed()
        assert "invoke count" in gateway.printed()


def test_topic_and_stream_of_the_resource_files_invoke_their_functions(
    app: Path, tmp_path: Path
) -> None:
    with running(app, "feeds", tmp_path) as gateway, client(gateway.url) as guest:
        for text in ("tea", "twice"):
            guest.send(text)
            found = [json.loads(guest.recv(120)) for _ in range(4)]
            assert sorted(found, key=str) == sorted(
                [
                    {"topic": text, "kind": "post"},
                    {"row": text, "raw": "cmF3", "is": "INSERT"},
                    {"mapped": text},
                    {"copy": text},
                ],
                key=str,
            )
        assert "run it with" not in gateway.printed()


def test_function_that_is_added_is_named_and_its_queue_polled(app: Path, tmp_path: Path) -> None:
    with running(app, "jobs", tmp_path) as gateway, client(gateway.url) as guest:
        file = gateway.project / "app.py"
        source = file.read_text()
        replace(file, source.replace('@app.on_sqs_message(queue="jobs", batch_size=5)\n', ""))
        gateway.prints("loaded again")
        guest.send("kept in the queue")
        added = "\n\n@app.lambda_function()\ndef added(event, context):\n    return 1\n"
        replace(file, source + added)
        assert guest.recv(120) == "job kept in the queue"
        gateway.prints("added (Lambda function): run it with ")
        assert _count(gateway, "count (Lambda function)") == 1


def test_wrong_schedule_is_reported(app: Path, tmp_path: Path) -> None:
    with running(app, "jobs", tmp_path, "--schedules") as gateway:
        file = gateway.project / "app.py"
        replace(file, file.read_text().replace("cron(0 3 * * ? *)", "cron(0 3 * * *)"))
        gateway.prints("nightly: the schedule is not valid (got 'cron(0 3 * * *)')")


def _count(gateway: Gateway, text: str) -> int:
    return poll(lambda: gateway.printed().count(text) or None)

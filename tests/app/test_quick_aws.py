"""moto in the generated app's tests: quicker, with the same answers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Prints the answers of moto; with an argument, moto is as it comes.
SCRIPT = """
import json, sys
sys.path.insert(0, ".")
import pytest

from tests.support import quick_aws
if sys.argv[1:]:
    quick_aws.make_quick = lambda: None
from tests.support import aws
from chalicelib.aws import session
from moto.core import responses
from moto.core.botocore_stubber import BotocoreStubber

KEY = {"channel": {"S": "tea"}, "connection_id": {"S": "c1"}}
ROW = {
    **KEY, "n": {"N": "1.5"}, "b": {"B": b"x"}, "yes": {"BOOL": True}, "none": {"NULL": True},
    "m": {"M": {"a": {"L": [{"S": ""}, {"M": {}}]}}}, "s": {"SS": ["a"]}, "i": {"NS": ["1"]},
}
answers = []
signed = []

def ask(client, operation, **request):
    try:
        answer = getattr(client, operation)(**request)
    except client.exceptions.ClientError as error:
        answer = error.response
    answers.append({key: value for key, value in answer.items() if key != "ResponseMetadata"})

with aws.serving_in_process():
    aws.reset(lambda: None)
    db, s3 = session.client("dynamodb"), session.client("s3")
    def note(request, **_):
        signed.append("Authorization" in request.headers)
    db.meta.events.register_first("before-send", note)
    names = [{"AttributeName": each, "AttributeType": "S"} for each in KEY]
    schema = [
        {"AttributeName": each, "KeyType": kind} for each, kind in zip(KEY, ["HASH", "RANGE"])
    ]
    db.create_table(
        TableName="t", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=names, KeySchema=schema
    )
    ask(db, "put_item", TableName="t", Item=ROW, ReturnValues="ALL_OLD")
    ask(db, "get_item", TableName="t", Key=KEY)
    ask(db, "scan", TableName="t", ReturnConsumedCapacity="TOTAL")
    query = {"KeyConditionExpression": "channel = :c", "Limit": 1}
    ask(db, "query", TableName="t", ExpressionAttributeValues={":c": {"S": "tea"}}, **query)
    ask(db, "batch_get_item", RequestItems={"t": {"Keys": [KEY]}})
    put = {
        "TableName": "t", "Item": ROW, "ConditionExpression": "attribute_not_exists(n)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    ask(db, "put_item", **put)
    ask(db, "transact_write_items", TransactItems=[{"Put": put}])
    ask(db, "delete_item", TableName="t", Key=KEY, ReturnValues="ALL_OLD")
    ask(db, "get_item", TableName="none", Key=KEY)
    ask(session.client("dynamodb", region_name="eu-west-1"), "list_tables")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "cups", "Key": "k"})
result = {"answers": answers, "signed": signed, "url": "Signature=" in url}
result["lists_once"] = hasattr(responses.method_names_from_class, "cache_info")
result["at_once"] = BotocoreStubber.process_request.__module__ == quick_aws.__name__
print(json.dumps(result, default=str))
"""


def run(app: Path, *arguments: str) -> dict[str, Any]:
    """Return what the script prints in an app's folder."""
    command = [sys.executable, "-B", "-c", SCRIPT, *arguments]
    done = subprocess.run(command, cwd=app, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.full
def test_quick_moto_gives_the_same_answers(app: Path) -> None:
    quick, slow = run(app), run(app, "slow")
    assert quick["answers"] == slow["answers"]
    assert len(quick["answers"]) == 10
    # What make_quick changes is there in this version of moto and botocore.
    for change in ("lists_once", "at_once"):
        assert (quick[change], slow[change]) == (True, False)
    assert (set(quick["signed"]), set(slow["signed"])) == ({False}, {True})
    # An app may make signed URLs.
    assert quick["url"]

"""The generated app's tests after changes of its owner."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RAW, Bake

ACCESS = Path("chalicelib/access.py")
ACTIONS = Path("chalicelib/actions.py")
CONFIG = Path(".chalice/config.json")
GENERATED = RAW / "tests" / "engine" / "generated"

ECHO = """@router.action(data=DATA)
def echo(request: Request, *, data: Any) -> dict[str, Any]:
    return {"type": "echoed"}
"""

GUEST_IMPORTS = "import pytest\n\nfrom tests.client import Rejected\n"
GUEST_TEST = """

def test_guest_and_stranger_are_refused(api: Api) -> None:
    for user in (None, "bob"):
        with pytest.raises(Rejected, match="403"):
            api.connect(user=user, claims={"company": "coffee"})
"""


def run_tests(app: Path, *arguments: str) -> None:
    """Run tests of the app. They must pass."""
    command = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=app, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def change(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text in a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture
def strict(bake: Bake) -> Path:
    """An app that refuses guests and strangers. One line of its tests is changed."""
    app = bake(app_name="tea", app_kind="chat")
    change(app / ACCESS, "KEPT_CLAIMS: tuple[str, ...] = ()", 'KEPT_CLAIMS = ("company",)')
    rule = (
        "    user = sign_in(event, KEPT_CLAIMS)\n"
        '    if user is None or user.claims.get("company") != "tea":\n'
        '        raise Refused(403, "not of this company")\n'
        "    return user\n"
    )
    change(app / ACCESS, "    return sign_in(event, KEPT_CLAIMS)\n", rule)
    change(app / ACCESS, "import check_origin", "import Refused, check_origin")
    change(app / ACCESS, "    return True\n", "    return user is not None\n")
    config = json.loads((app / CONFIG).read_text())
    config["stages"]["dev"]["environment_variables"]["AUTH"] = "jwt"
    (app / CONFIG).write_text(json.dumps(config))
    fixture = app / "tests" / "conftest.py"
    text, count = re.subn(
        r"(def person\(\).*?\n    )return None\n",
        r'\1return {"company": "tea"}\n',
        fixture.read_text(),
        flags=re.S,
    )
    assert count == 1
    fixture.write_text(text)
    return app


@pytest.mark.parametrize("name", ["access.py", "actions.py", "replies.py"])
def test_engines_tests_have_the_module_as_generated(name: str) -> None:
    # They are copies: a link would be a text file in a template that comes as a zip file.
    original = RAW / "chalicelib" / name
    assert (GENERATED / name).read_text() == original.read_text(), f"cp {original} {GENERATED}"


@pytest.mark.full
def test_app_that_refuses_guests_passes_its_tests_with_one_changed_line(
    strict: Path, tmp_path: Path
) -> None:
    change(strict / "tests" / "app" / "test_access.py", "import pytest\n", GUEST_IMPORTS)
    with (strict / "tests" / "app" / "test_access.py").open("a") as file:
        file.write(GUEST_TEST)
    run_tests(strict, "tests/app")


@pytest.mark.full
def test_engines_tests_pass_whatever_the_owner_changes(strict: Path) -> None:
    """The tests have the actions, rules and settings as generated."""
    actions = strict / ACTIONS
    actions.write_text(actions.read_text().partition("@router.action(data=DATA)")[0] + ECHO)
    config = json.loads((strict / CONFIG).read_text())
    for stage in config["stages"].values():
        stage["environment_variables"] |= {"WS_ACTIONS": "echo", "HISTORY_SECONDS": "0"}
        stage["environment_variables"] |= {"MESSAGES_PER_MINUTE": "1", "FANOUT_RPS": "1"}
        stage["environment_variables"] |= {"FANOUT_SENDER": "boto3", "CHANNEL_SHARDS": "4"}
    (strict / CONFIG).write_text(json.dumps(config))
    for path in (strict / "resources").iterdir():
        path.unlink()
    run_tests(strict, "tests/engine")


REMIND = """

@app.schedule("rate(1 day)")
def remind(event: CloudWatchEvent) -> None:
    message = {"channel": "lobby", "data": "tea?", "id": event.event_id}
    notifications.notify(message, Invocation.from_context(event.context))
"""
REMIND_TEST = """
from chalice_ws.local.triggers.sample_events import sample_event
from tests.client import Api


def test_reminder_is_sent(api: Api) -> None:
    ann = api.connect()
    api.run("remind", sample_event("schedule"))
    assert ann.push()["data"] == "tea?"
"""


@pytest.mark.full
def test_missing_grant_and_uncalled_function_fail_one_test_each(bake: Bake) -> None:
    app = bake(app_name="tea", app_kind="chat")
    change(app / "app.py", "from chalice.app import", "from chalice.app import CloudWatchEvent,")
    with (app / "app.py").open("a") as file:
        file.write(REMIND)
    config = json.loads((app / CONFIG).read_text())
    for name, stage in config["stages"].items():
        policies = app / ".chalice" / name
        stage["lambda_functions"]["remind"] = {"iam_policy_file": f"{name}/remind.json"}
        (policies / "remind.json").write_text((policies / "notify.json").read_text())
    (app / CONFIG).write_text(json.dumps(config))
    message = app / ".chalice/dev/message.json"
    change(message, '"dynamodb:Query",', "")
    # It is needed by nothing. While another test fails, that is not known.
    notify = app / ".chalice/dev/notify.json"
    change(notify, '"dynamodb:PutItem",', '"dynamodb:PutItem", "dynamodb:Scan",')
    command = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-n", "2"]
    done = subprocess.run([*command, "tests/app"], cwd=app, capture_output=True, text=True)
    assert re.search(r"^2 failed, \d+ passed in", done.stdout, re.MULTILINE), done.stdout
    missing = r'^\.chalice/dev/message\.json:\d+: add "dynamodb:Query" on "arn:.*-connections"'
    assert len(re.findall(missing, done.stdout, re.MULTILINE)) == 1
    assert done.stdout.count("call remind in a test of tests/app, or nothing is known") == 1
    assert "take out" not in done.stdout
    # With a test that calls it, all is as it should be.
    change(notify, '"dynamodb:Scan",', "")
    (app / "tests/app/test_remind.py").write_text(REMIND_TEST)
    change(message, '"dynamodb:PutItem",', '"dynamodb:PutItem", "dynamodb:Query",')
    done = subprocess.run([*command, "tests/app"], cwd=app, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout

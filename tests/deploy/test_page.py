"""`make page`: the page with the settings of a stage, or with those of a file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.scripted import ADDRESS, Run, ScriptedAws, assert_one_error, stack_answer
from tests.project.test_check_sign_in import CRYPTO, change
from tests.project.test_check_sign_in import SIGN_IN as VARIABLES

URL = "wss://abc.execute-api.us-east-1.amazonaws.com/api"
SIGN_IN = {"issuer": "https://issuer.example.com/pool", "client_id": "page-client"}
OUTPUTS = "".join(
    f"<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>"
    for name, value in zip(("SignInIssuer", "SignInClient"), SIGN_IN.values(), strict=True)
)


def written(copy: Path, stage: str = "dev") -> Any:
    """Return the settings that the page was written with."""
    return json.loads((copy / "build" / stage / "page" / "config.json").read_text())


def test_page_has_the_address_and_the_sign_in_of_the_stack(
    deploy: Run, scripted_aws: ScriptedAws, copy: Path
) -> None:
    scripted_aws.answers["DescribeStacks"] = [stack_answer("UPDATE_COMPLETE", ADDRESS + OUTPUTS)]
    done = deploy("page")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"Wrote build/dev/page for {URL}."
    assert SIGN_IN["issuer"] in done.stdout
    assert written(copy) == {"url": URL, "sign_in": SIGN_IN}
    folder = copy / "build" / "dev" / "page"
    for name in ("index.html", "page/app.js", "client/client.js"):
        assert (folder / name).read_bytes() == (copy / "web" / name).read_bytes()
    assert scripted_aws.changes() == []


def test_page_of_a_stage_without_sign_in_has_the_address_alone(
    deploy: Run, scripted_aws: ScriptedAws, copy: Path
) -> None:
    scripted_aws.answers["DescribeStacks"] = [stack_answer("CREATE_COMPLETE", ADDRESS)]
    done = deploy("page")
    assert (done.returncode, done.stderr) == (0, "")
    assert written(copy) == {"url": URL}


def test_stage_that_is_not_deployed_is_refused_and_the_page_of_before_stays(
    deploy: Run, scripted_aws: ScriptedAws, copy: Path
) -> None:
    before = copy / "build" / "prod" / "page" / "index.html"
    before.parent.mkdir(parents=True)
    before.write_text("before")
    done = deploy("page", "--stage=prod")
    assert_one_error(done, r"does not exist \(got 'chalice-ws-app-prod'\); run make deploy STAGE=")
    assert before.read_text() == "before"


def test_stack_without_an_address_is_refused(deploy: Run, scripted_aws: ScriptedAws) -> None:
    scripted_aws.answers["DescribeStacks"] = [stack_answer("ROLLBACK_COMPLETE")]
    assert_one_error(deploy("page"), r"has no WebSocket API \(got 'chalice-ws-app-dev'\)")


@pytest.mark.parametrize("name", ["web/config.json", "page.json"])
def test_settings_with_an_address_need_no_aws(
    deploy: Run, scripted_aws: ScriptedAws, copy: Path, name: str
) -> None:
    settings = {"url": "wss://chat.example.com", "sign_in": {**SIGN_IN, "token": "access_token"}}
    (copy / name).write_text(json.dumps(settings))
    given = [] if name == "web/config.json" else [f"--settings={name}"]
    done = deploy("page", *given, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert done.returncode == 0, done.stderr
    assert written(copy) == settings
    assert scripted_aws.requests == []


def test_settings_of_the_owner_come_before_those_of_the_stack(
    deploy: Run, scripted_aws: ScriptedAws, copy: Path
) -> None:
    scripted_aws.answers["DescribeStacks"] = [stack_answer("CREATE_COMPLETE", ADDRESS + OUTPUTS)]
    own = {"issuer": "https://tenant.auth0.com/", "client_id": "a", "parameters": {"audience": "b"}}
    (copy / "page.json").write_text(json.dumps({"sign_in": own}))
    assert deploy("page", "--settings=page.json").returncode == 0
    assert written(copy) == {"url": URL, "sign_in": own}


def test_page_without_the_sign_in_of_its_stage_is_warned_of(
    deploy: Run, scripted_aws: ScriptedAws, copy: Path
) -> None:
    scripted_aws.answers["DescribeStacks"] = [stack_answer("CREATE_COMPLETE", ADDRESS)]
    change(copy, VARIABLES, CRYPTO)
    done = deploy("page", "--stage=prod")
    assert done.returncode == 0
    assert done.stderr == (
        "warning: the stage has sign-in, and the page has none (got no sign_in); "
        "name the issuer and the client in web/config.json\n"
    )


BAD: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "page.json is not valid JSON"),
    "no object": ("[]", "page.json is not a JSON object"),
    "an unknown setting": ('{"uri": "wss://a"}', "unknown setting (got 'uri'); use url, sign_in"),
    "a web address": ('{"url": "https://a"}', "url is not valid (got 'https://a'); use"),
    "no address": ('{"url": 7}', "url is not valid (got 7)"),
    "a broken address": ('{"url": "wss://[a"}', "url is not valid (got 'wss://[a')"),
    "no client": ('{"sign_in": {"issuer": "https://a"}}', "sign_in has no client_id"),
    "no issuer": ('{"sign_in": {"client_id": "a"}}', "sign_in has no issuer"),
    "sign-in as a text": ('{"sign_in": "https://a"}', "sign_in is not valid (got 'https://a')"),
    "an issuer over http": (
        '{"sign_in": {"issuer": "http://a.example", "client_id": "a"}}',
        "sign_in: issuer is not valid (got 'http://a.example')",
    ),
    "another token": (
        '{"sign_in": {"issuer": "https://a", "client_id": "a", "token": "refresh_token"}}',
        "use id_token or access_token",
    ),
    "a number as parameter": (
        '{"sign_in": {"issuer": "https://a", "client_id": "a", "parameters": {"a": 1}}}',
        "sign_in: parameters is not valid (got {'a': 1})",
    ),
    "a client secret": (
        '{"sign_in": {"issuer": "https://a", "client_id": "a", "client_secret": "b"}}',
        "unknown setting (got 'client_secret')",
    ),
}


# One process for all cases: the import of boto3 takes most of the time.
SCRIPT = """
import sys
from chalice_ws.deploy.cli import main
for name in sys.argv[1:]:
    sys.argv = ["deploy", "page", f"--settings={name}"]
    print(main(), file=sys.stderr)
"""


def test_settings_that_are_not_valid_are_explained_in_one_line(copy: Path) -> None:
    names = [f"page.json{number}" for number in range(len(BAD))]
    for name, (text, _) in zip(names, BAD.values(), strict=True):
        (copy / name).write_text(text)
    command = [sys.executable, "-B", "-c", SCRIPT, *names]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    lines = iter(done.stderr.splitlines())
    for name, (_, message) in zip(names, BAD.values(), strict=True):
        line = next(lines).replace(name, "page.json")
        assert line.startswith("error: page.json")
        assert message in line
        assert "; " in line
        assert next(lines) == "1"
    assert (done.stdout, list(lines), (copy / "build").exists()) == ("", [], False)


def test_settings_that_do_not_exist_are_refused(deploy: Run, copy: Path) -> None:
    assert_one_error(deploy("page", "--settings=none.json"), "none.json cannot be read")


def test_app_without_a_page_is_refused(deploy: Run, copy: Path) -> None:
    (copy / "web" / "index.html").unlink()
    assert_one_error(deploy("page"), r"the app has no page \(got no web/index.html\)")

"""The environment of functions, compared with Lambda's, and the modules that they find."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from tests.conftest import RAW
from tests.local.gateway import (
    APPS,
    SECONDS,
    Gateway,
    ask,
    client,
    command,
    configure,
    running,
    serving,
)
from tests.local.machine import environment

# The variables that Lambda sets, but for the addresses of its own services.
VARIABLES = {
    "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "TZ": ":UTC",
}

LOG_STREAM = re.compile(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}")

OWN_NAMES = sorted(
    path.stem for path in (RAW / "chalice_ws").rglob("*.py") if not path.stem.startswith("__")
)


@pytest.fixture(scope="module", params=["--workers=1", "--workers=0"])
def gateway(
    request: pytest.FixtureRequest, app: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway with an app that has modules of its own, and packages in vendor/."""
    tmp = tmp_path_factory.mktemp("own")
    project = copytree(APPS / "bare", tmp / "bare")
    for name in OWN_NAMES:
        (project / f"{name}.py").write_text(f"NAME = 'the app\\'s {name}'\n")
    (project / "vendor" / "vendored").mkdir(parents=True)
    (project / "vendor" / "vendored" / "__init__.py").write_text("NAME = 'vendored'\n")
    with (project / "app.py").open("a") as file:
        file.write(f"\nimport {', '.join(OWN_NAMES)}\nimport vendored\n")
        file.write("AT_IMPORT = {**os.environ}\n")
    configure(project, lambda_memory_size=256, lambda_timeout=60)
    with serving(app, project, tmp, request.param) as each:
        yield each


def outcome(gateway: Gateway, code: str) -> str:
    return str(json.loads(gateway.invoke("echo", {"eval": code}).body)["outcome"])


def variables_of(guest: object) -> dict[str, str]:
    return dict(json.loads(ask(guest, "eval json.dumps({**os.environ})")))  # type: ignore[arg-type]


def test_function_has_lambdas_variables(gateway: Gateway) -> None:
    with client(gateway.url) as guest:
        message = variables_of(guest)
    found = json.loads(outcome(gateway, "json.dumps({**os.environ})"))
    for variables, name, handler in (
        (message, "bare-dev-websocket_message", "app.hear"),
        (found, "bare-dev-echo", "app.echo"),
    ):
        assert VARIABLES.items() <= variables.items()
        assert variables["AWS_LAMBDA_FUNCTION_NAME"] == name
        assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{name}"
        assert LOG_STREAM.fullmatch(variables["AWS_LAMBDA_LOG_STREAM_NAME"])
        assert variables["LAMBDA_TASK_ROOT"] == str(gateway.project)
        assert variables["_HANDLER"] == handler
        # Nothing listens at these addresses.
        assert not {"AWS_LAMBDA_RUNTIME_API", "AWS_XRAY_DAEMON_ADDRESS"} & variables.keys()


def test_import_has_lambdas_variables(gateway: Gateway) -> None:
    at_import = json.loads(outcome(gateway, "json.dumps(AT_IMPORT)"))
    # Chalice adds its own name.
    at_import["AWS_EXECUTION_ENV"] = at_import["AWS_EXECUTION_ENV"].split()[0]
    assert VARIABLES.items() <= at_import.items()
    assert at_import["AWS_LAMBDA_FUNCTION_NAME"].startswith("bare-dev-")
    # The function is not known yet. Code that serves one function alone must not be left out.
    assert "_HANDLER" not in at_import


def test_functions_time_zone_is_utc(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    with serving(app, project, tmp_path, variables={"TZ": "America/New_York"}) as gateway:
        assert outcome(gateway, "time.localtime().tm_gmtoff") == "0"


def test_variable_of_the_app_replaces_the_time_zone(app: Path, tmp_path: Path) -> None:
    variables = {"TZ": "Asia/Tokyo", "GREETING": "hello"}
    with running(app, "bare", tmp_path, environment_variables=variables) as gateway:
        assert outcome(gateway, "time.localtime().tm_gmtoff") == str(9 * 60 * 60)


def test_context_has_lambdas_attributes(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    with (project / "app.py").open("a") as file:
        file.write(
            "\n\n@app.lambda_function()\ndef describe(event, context):\n"
            "    context.log('logged by the context')\n"
            "    left = context.get_remaining_time_in_millis()\n"
            "    return {**vars(context), 'left': left, 'identity': vars(context.identity),\n"
            "            '_time_source': None}\n"
        )
    configure(project, lambda_functions={"describe": {"lambda_timeout": 60}})
    with serving(app, project, tmp_path) as gateway:
        first, second = (json.loads(gateway.invoke("describe", {}).body) for _ in range(2))
        gateway.prints("logged by the context", times=2)
    name = "bare-dev-describe"
    assert first["function_name"] == name
    assert first["function_version"] == "$LATEST"
    assert first["invoked_function_arn"].endswith(f":function:{name}")
    assert first["memory_limit_in_mb"] == "128"
    assert first["log_group_name"] == f"/aws/lambda/{name}"
    assert LOG_STREAM.fullmatch(first["log_stream_name"])
    assert first["log_stream_name"] == second["log_stream_name"]
    assert first["aws_request_id"] != second["aws_request_id"]
    assert first["client_context"] is None
    assert first["identity"] == {"cognito_identity_id": None, "cognito_identity_pool_id": None}
    assert 0 < first["left"] <= 60_000


@pytest.mark.parametrize("value", [8000, None, ["a"]])
def test_variable_that_is_no_text_is_refused(app: Path, tmp_path: Path, value: object) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    configure(project, environment_variables={"NUMBER": value})
    done = subprocess.run(
        command(project, "--workers=0"),
        cwd=app,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    kind = type(value).__name__
    assert line == (
        "error: .chalice/config.json: Environment variable values must be strings, "
        f"got 'type' {kind} for key 'NUMBER'; put the value in quotes"
    )


@pytest.mark.parametrize("name", OWN_NAMES)
def test_module_of_the_app_may_have_the_name_of_any_of_ours(gateway: Gateway, name: str) -> None:
    assert outcome(gateway, f"__import__('{name}').NAME") == f"the app's {name}"


def test_package_in_vendor_is_found(gateway: Gateway) -> None:
    assert outcome(gateway, "vendored.NAME") == "vendored"
    assert outcome(gateway, "vendored.__file__").startswith(f"{gateway.project}/vendor/")

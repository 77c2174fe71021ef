"""The template as it stands, before anything is rendered."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import KINDS, RAW, ROOT, Bake, files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EMITTED = """
.chalice/config.json
.chalice/dev/connect.json
.chalice/dev/disconnect.json
.chalice/dev/fanout.json
.chalice/dev/message.json
.chalice/dev/notify.json
.chalice/prod/connect.json
.chalice/prod/disconnect.json
.chalice/prod/fanout.json
.chalice/prod/message.json
.chalice/prod/notify.json
.github/workflows/ci.yml
.github/workflows/deploy.yml
.gitignore
Makefile
README.md
app.py
chalice_ws/__init__.py
chalice_ws/__main__.py
chalice_ws/cli.py
chalice_ws/deploy/__init__.py
chalice_ws/deploy/__main__.py
chalice_ws/deploy/account.py
chalice_ws/deploy/bucket.py
chalice_ws/deploy/commands.py
chalice_ws/deploy/context.py
chalice_ws/deploy/errors.py
chalice_ws/deploy/logs.py
chalice_ws/deploy/package.py
chalice_ws/deploy/stack.py
chalice_ws/local/__init__.py
chalice_ws/local/__main__.py
chalice_ws/local/aws_api.py
chalice_ws/local/cli.py
chalice_ws/local/events.py
chalice_ws/local/gateway.py
chalice_ws/local/isolation.py
chalice_ws/local/processes.py
chalice_ws/local/reload.py
chalice_ws/local/runtime.py
chalice_ws/local/server.py
chalice_ws/local/services.py
chalice_ws/local/sqs.py
chalice_ws/local/websocket.py
chalice_ws/local/worker.py
chalice_ws/local/workers.py
chalice_ws/project/__init__.py
chalice_ws/project/check.py
chalice_ws/project/check_config.py
chalice_ws/project/check_functions.py
chalice_ws/project/config.py
chalice_ws/project/load.py
chalice_ws/project/resources.py
chalice_ws/project/stage.py
chalicelib/__init__.py
chalicelib/actions.py
chalicelib/aws.py
chalicelib/delivery/__init__.py
chalicelib/delivery/members.py
chalicelib/delivery/publish.py
chalicelib/delivery/queue.py
chalicelib/protocol/__init__.py
chalicelib/protocol/fields.py
chalicelib/protocol/frames.py
chalicelib/protocol/router.py
chalicelib/sender/__init__.py
chalicelib/sender/boto.py
chalicelib/sender/concurrent.py
chalicelib/sender/connection.py
chalicelib/sender/http11.py
chalicelib/sender/pool.py
chalicelib/sender/rate_limit.py
chalicelib/sender/signing.py
chalicelib/sender/types.py
chalicelib/storage/__init__.py
chalicelib/storage/connections.py
chalicelib/storage/history.py
chalicelib/storage/table.py
docs/asyncapi.yaml
docs/deploy.md
docs/page.md
docs/protocol.md
docs/scale.md
pyproject.toml
requirements-dev.txt
requirements.txt
resources.json
resources/production.json
resources/scale.json
resources/xray.json
tests/__init__.py
tests/client.py
tests/conftest.py
tests/delivery/__init__.py
tests/delivery/test_notify.py
tests/delivery/test_queue.py
tests/protocol/__init__.py
tests/protocol/test_asyncapi.py
tests/protocol/test_router.py
tests/storage/__init__.py
tests/storage/test_connections.py
tests/storage/test_history.py
tests/storage/test_history_pages.py
tests/storage/test_shards.py
tests/support/__init__.py
tests/support/asyncapi.py
tests/support/gateway.py
tests/support/history.py
tests/support/interleaving.py
tests/support/policies.py
tests/test_actions.py
tests/test_end_to_end.py
tests/test_policies.py
tests/test_settings.py
web/client/client.js
web/client/connection.js
web/client/cursor.js
web/index.html
web/page/app.js
web/page/channel.js
web/page/dom.js
web/page/inspector.js
web/page/messages.css
web/page/messages.js
web/page/server.js
web/page/session.js
web/page/status.js
web/page/style.css
web/page/toasts.js
""".split()  # noqa: SIM905

RENDERED = re.compile(
    r"app\.py|\.chalice/.*|resources.*\.json|Makefile|pyproject\.toml|README\.md|docs/.*\.md"
)


@pytest.fixture
def raw(template: Path) -> dict[str, bytes]:
    """The files of the app's folder, unrendered."""
    return files(template / RAW.name)


def test_every_raw_file_is_valid_in_its_own_language(raw: dict[str, bytes]) -> None:
    parsers = {
        ".json": json.loads,
        ".py": ast.parse,
        ".toml": lambda content: tomllib.loads(content.decode()),
        ".yaml": yaml.safe_load,
        ".yml": yaml.safe_load,
    }
    for name, content in raw.items():
        parsers.get(Path(name).suffix, bytes.decode)(content)


def test_jinja_stands_only_in_strings_of_files_that_are_rendered(raw: dict[str, bytes]) -> None:
    for name, content in raw.items():
        text = content.decode()
        assert "{%" not in text, name
        if not RENDERED.fullmatch(name):
            assert "{{ cookiecutter" not in text, name
        if name.endswith(".py"):
            strings = [
                node.value
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
            assert text.count("{{") == sum(each.count("{{") for each in strings) or (
                not RENDERED.fullmatch(name)
            ), name


@pytest.mark.parametrize("kind", KINDS)
def test_the_emitted_files_are_these_and_nothing_is_left_over(bake: Bake, kind: str) -> None:
    emitted = files(bake(app_kind=kind))
    assert sorted(emitted) == sorted(EMITTED)
    for name, content in emitted.items():
        assert b"{{ cookiecutter" not in content, name


def test_kinds_differ_in_data_alone(bake: Bake) -> None:
    apps = {kind: files(bake(app_name=f"app-{kind}", app_kind=kind)) for kind in KINDS}
    for kind in KINDS:
        apps[kind] = {
            name: content.replace(f"app-{kind}".encode(), b"app")
            for name, content in apps[kind].items()
        }
    for kind in KINDS[1:]:
        different = {name for name in EMITTED if apps[kind][name] != apps[KINDS[0]][name]}
        assert different == {".chalice/config.json"}


def test_the_answers_are_where_they_belong(bake: Bake) -> None:
    app = bake(app_name="Team-7", app_kind="notifications", aws_region="eu-central-1")
    config = json.loads((app / ".chalice/config.json").read_text())
    assert config["app_name"] == "Team-7"
    assert {stage: each["environment_variables"] for stage, each in config["stages"].items()} == {
        stage: {
            "CONNECTIONS_TABLE": f"Team-7-{stage}-connections",
            "WS_ACTIONS": "echo,join,leave,history,help",
            "HISTORY_SECONDS": "86400",
            "FANOUT_RPS": "5000",
        }
        for stage in ("dev", "prod")
    }
    homes = sorted(name for name, content in files(app).items() if b"eu-central-1" in content)
    assert homes == ["Makefile", "README.md"]


def test_every_question_is_asked_in_words() -> None:
    content = json.loads((ROOT / "cookiecutter.json").read_text())
    questions = {name for name in content if not name.startswith("_")}
    assert questions == {"app_name", "app_kind", "aws_region"}
    assert content["__prompts__"].keys() == questions
    assert content["__prompts__"]["app_kind"].keys() == {"__prompt__", *content["app_kind"]}

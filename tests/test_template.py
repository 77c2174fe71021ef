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
asyncapi.yaml
chalicelib/__init__.py
chalicelib/actions.py
chalicelib/broadcast.py
chalicelib/connections.py
chalicelib/delivery.py
chalicelib/fanout.py
chalicelib/fields.py
chalicelib/frames.py
chalicelib/history.py
chalicelib/http1.py
chalicelib/opening.py
chalicelib/pace.py
chalicelib/plain.py
chalicelib/pool.py
chalicelib/requests.py
chalicelib/sending.py
chalicelib/scale.py
chalicelib/session.py
chalicelib/signing.py
chalicelib/table.py
chalicelib/verdicts.py
deploy/__init__.py
deploy/__main__.py
deploy/account.py
deploy/errors.py
deploy/logs.py
deploy/stack.py
deploy/template.py
docs/deploy.md
docs/page.md
docs/protocol.md
docs/scale.md
local/__init__.py
local/__main__.py
local/apis.py
local/check.py
local/children.py
local/cli.py
local/events.py
local/functions.py
local/gateway.py
local/queue.py
local/reload.py
local/sandbox.py
local/tables.py
local/template.py
local/wire.py
local/workers.py
pyproject.toml
requirements-dev.txt
requirements.txt
resources.json
resources.production.json
resources.xray.json
resources.scale.json
tests/__init__.py
tests/client.py
tests/conftest.py
tests/gateway.py
tests/past.py
tests/policies.py
tests/protocol.py
tests/schedule.py
tests/test_config.py
tests/test_connections.py
tests/test_conversation.py
tests/test_history.py
tests/test_messages.py
tests/test_notify.py
tests/test_pages.py
tests/test_policies.py
tests/test_protocol.py
tests/test_requests.py
tests/test_scale.py
tests/test_shards.py
web/app.js
web/channel.js
web/client.js
web/connection.js
web/dom.js
web/index.html
web/inspector.js
web/log.js
web/messages.css
web/place.js
web/server.js
web/session.js
web/status.js
web/style.css
web/toasts.js
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

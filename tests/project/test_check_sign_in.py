"""Sign-in that is half on: `make check` and `make deploy` say what is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.project.test_check import check

ISSUER = "https://issuer.example.com/"
SIGN_IN = {"AUTH": "jwt", "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": "chat"}
SECRET = {**SIGN_IN, "AUTH_ALGORITHMS": "HS256", "AUTH_SECRET": "/chat/secret"}
CRYPTO = "PyJWT[crypto]>=2.15,<3\n"
PLAIN = "# comment\npyjwt==2.15.1 ; python_version > '3'\n"
GRANT = {
    "Effect": "Allow",
    "Action": "ssm:GetParameter",
    "Resource": "arn:*:ssm:*:*:parameter/chat/secret",
}


DENY = {**GRANT, "Effect": "Deny"}


def change(app: Path, variables: dict[str, Any], requirements: str, *grants: Any) -> None:
    """Change an app's stage prod, and its requirements."""
    path = app / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["prod"]["environment_variables"] |= variables
    path.write_text(json.dumps(config))
    (app / "requirements.txt").write_text(requirements)
    if any(grants):
        path = app / ".chalice" / "prod" / "connect.json"
        policy = json.loads(path.read_text())
        policy["Statement"].extend(grants)
        path.write_text(json.dumps(policy))


def without(name: str, **changes: Any) -> dict[str, Any]:
    return {**{key: value for key, value in SIGN_IN.items() if key != name}, **changes}


HALF_ON: dict[str, tuple[dict[str, Any], str, Any, str]] = {
    "no issuer": (without("AUTH_ISSUER"), CRYPTO, None, "AUTH_ISSUER"),
    "empty issuer": ({**SIGN_IN, "AUTH_ISSUER": ""}, CRYPTO, None, "AUTH_ISSUER"),
    "no audience": (without("AUTH_AUDIENCE"), CRYPTO, None, "AUTH_AUDIENCE"),
    "audience of commas": ({**SIGN_IN, "AUTH_AUDIENCE": " , "}, CRYPTO, None, "AUTH_AUDIENCE"),
    "discovery document": (
        {**SIGN_IN, "AUTH_ISSUER": f"{ISSUER}.well-known/openid-configuration"},
        CRYPTO,
        None,
        "the address before /.well-known/",
    ),
    "no AUTH": (without("AUTH"), CRYPTO, None, "AUTH"),
    "unknown AUTH": ({**SIGN_IN, "AUTH": "JWT"}, CRYPTO, None, "AUTH"),
    "http issuer": ({**SIGN_IN, "AUTH_ISSUER": "http://a.example"}, CRYPTO, None, "AUTH_ISSUER"),
    "no package": (SIGN_IN, "", None, "pyjwt"),
    "package in a comment": (SIGN_IN, f"# {CRYPTO}", None, "pyjwt"),
    "no cryptography": (SIGN_IN, PLAIN, None, "cryptography"),
    **{
        f"PyJWT{version}": (SIGN_IN, f"PyJWT[crypto]{version}\n", None, "too old (got ")
        for version in ("==2.8.0", " == 1.7.1", ">=2,<2.15", "<=2.14.9", "~=2.8.1", "==2.14.* ; x")
    },
    "old wheel": (SIGN_IN, "./w/PyJWT-2.8.0-py3-none-any.whl\ncryptography\n", None, "2.8.0"),
    "no secret": ({**SIGN_IN, "AUTH_ALGORITHMS": "RS256,HS256"}, CRYPTO, None, "AUTH_SECRET"),
    "no grant": (SECRET, PLAIN, None, ".chalice/prod/connect.json"),
    "grant of another parameter": (
        {**SECRET, "AUTH_SECRET": "other"},
        PLAIN,
        GRANT,
        ".chalice/prod/connect.json",
    ),
    "grant of another action": (
        SECRET,
        PLAIN,
        {**GRANT, "Action": "ssm:PutParameter"},
        ".chalice/prod/connect.json",
    ),
    "denied": (SECRET, PLAIN, DENY, ".chalice/prod/connect.json"),
}

COMPLETE: dict[str, tuple[dict[str, Any], str, Any]] = {
    "none": ({"AUTH": "none"}, "", None),
    "jwt": (SIGN_IN, CRYPTO, None),
    **{
        f"PyJWT{version}": (SIGN_IN, f"PyJWT[crypto]{version}\n", None)
        for version in ("", "==2.15.0", "~=2.8", "==2.*", "<3,>=2.15", "<2.15.1", "==10.1")
    },
    "two packages": (SIGN_IN, "Cryptography\nPyJWT\n", None),
    "included file": (SIGN_IN, "-r more.txt\n", None),
    "wheels": (SIGN_IN, "./wheels/pyjwt-2.15.1-py3-none-any.whl\ncryptography>=44\n", None),
    "secret": (SECRET, PLAIN, GRANT),
    "secret without a slash": (
        {**SECRET, "AUTH_SECRET": "secret"},
        PLAIN,
        {**GRANT, "Action": ["ssm:*"], "Resource": ["arn:aws:ssm:eu-west-1:*:parameter/*"]},
    ),
    "secret and keys": (
        {**SECRET, "AUTH_ALGORITHMS": "RS256,HS256"},
        CRYPTO,
        {**GRANT, "Resource": "*"},
    ),
    "issuer of HS256": ({**SECRET, "AUTH_ISSUER": "my backend"}, PLAIN, GRANT),
}


@pytest.fixture
def copy(app: Path, tmp_path: Path) -> Path:
    copy = Path(shutil.copytree(app, tmp_path / "app"))
    (copy / "more.txt").write_text(CRYPTO)
    return copy


@pytest.mark.parametrize("case", HALF_ON)
def test_check_reports_sign_in_that_is_half_on(copy: Path, case: str) -> None:
    variables, requirements, grant, named = HALF_ON[case]
    change(copy, variables, requirements, grant)
    status, lines = check(copy, "--stage=prod")
    assert status == 1
    assert all("; use " in line or "; add " in line for line in lines), lines
    assert any(named in line for line in lines), lines


@pytest.mark.parametrize("case", COMPLETE)
def test_check_of_complete_sign_in_passes(copy: Path, case: str) -> None:
    change(copy, *COMPLETE[case])
    assert check(copy, "--stage=prod") == (0, [])


@pytest.mark.parametrize("grants", [(), (GRANT, DENY)])
def test_check_names_the_parameter_to_grant(copy: Path, grants: tuple[Any, ...]) -> None:
    change(copy, SECRET, PLAIN, *grants)
    (line,) = check(copy, "--stage=prod")[1]
    assert line == (
        "error: .chalice/prod/connect.json does not allow to read AUTH_SECRET; "
        'add "ssm:GetParameter" on "arn:*:ssm:*:*:parameter/chat/secret"'
    )


def test_check_takes_the_policies_of_the_role_for_the_secret(copy: Path) -> None:
    change(copy, SECRET, PLAIN)
    arn = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AmazonSSMReadOnlyAccess"}
    resources = json.loads((copy / "resources.json").read_text())
    resources["Resources"]["WebsocketConnectRole"] = {"Properties": {"ManagedPolicyArns": [arn]}}
    (copy / "resources.json").write_text(json.dumps(resources))
    assert check(copy, "--stage=prod") == (0, [])


@pytest.mark.parametrize("function", ["websocket_connect", "websocket_message"])
def test_check_reports_sign_in_of_one_function_alone(copy: Path, function: str) -> None:
    change(copy, {}, CRYPTO)
    path = copy / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["prod"]["lambda_functions"][function]["environment_variables"] = SIGN_IN
    path.write_text(json.dumps(config))
    status, lines = check(copy, "--stage=prod")
    assert (status, len(lines)) == (1, 1)
    assert f"'jwt' in {function}" in lines[0]


def test_check_does_not_print_a_secret_in_place_of_its_name(copy: Path) -> None:
    change(copy, {**SECRET, "AUTH_SECRET": "hunter2 hunter2 hunter2"}, PLAIN, GRANT)
    status, lines = check(copy, "--stage=prod")
    assert status == 1
    assert "hunter2" not in "".join(lines).replace("parameter/hunter2 hunter2 hunter2", "")

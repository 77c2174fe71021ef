"""`EXTRAS_prod ?= production cognito`: a user pool, and the tokens of its people at connect."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bake
from tests.deploy.aws.account import Account
from tests.deploy.aws.tls_proxy import TlsProxy
from tests.deploy.test_stack import resources
from tests.deploy.test_zip import ANN, RUNTIME_SCRIPT, event, runtime_packages

__all__ = ["runtime_packages"]

STACK = "chalice-ws-app-prod"
HOST = "cognito-idp.us-east-1.amazonaws.com"
EXTRAS = {"STAGE": "prod", "EXTRAS_prod": "production cognito"}
PASSWORD = "correct-horse-battery"
REQUIREMENT = "PyJWT[crypto]>=2.15,<3"


def outputs(aws: Account) -> dict[str, str]:
    (stack,) = aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def sign_in(aws: Account, made: dict[str, str], email: str) -> dict[str, str]:
    """Create a person in the user pool, and return the tokens of a sign-in."""
    cognito = aws.client("cognito-idp")
    pool = {"UserPoolId": made["UserPool"]}
    attributes = [{"Name": "email", "Value": email}, {"Name": "name", "Value": "Ann"}]
    cognito.admin_create_user(**pool, Username=email, UserAttributes=attributes)
    cognito.admin_set_user_password(**pool, Username=email, Password=PASSWORD, Permanent=True)
    answer: dict[str, Any] = cognito.admin_initiate_auth(
        **pool,
        ClientId=made["UserPoolClient"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": PASSWORD},
    )
    return dict(answer["AuthenticationResult"])


def test_readme_has_the_steps_of_these_tests(app: Path) -> None:
    text = (app / "README.md").read_text()
    steps = text.partition("## Let people sign in\n")[2].partition("\n## ")[0]
    used = [REQUIREMENT, f"EXTRAS_prod ?= {EXTRAS['EXTRAS_prod']}"]
    used += ["make deploy STAGE=prod", "make page STAGE=prod", "build/prod/page", '"AUTH": "jwt"']
    assert [each for each in used if each not in steps] == []


@pytest.fixture
def deployed(aws: Account, bake: Bake) -> Path:
    """The app, deployed with a user pool."""
    app = bake()
    (app / "requirements.txt").write_text(f"{REQUIREMENT}\n")
    aws.make(app, "deploy", **EXTRAS)
    return app


@pytest.mark.full
def test_people_of_the_user_pool_connect(
    aws: Account, deployed: Path, runtime_packages: Path, tmp_path: Path
) -> None:
    made = resources(aws, STACK)
    tokens = sign_in(aws, made, "ann@example.com")
    configuration = aws.client("lambda").get_function_configuration(
        FunctionName=made["WebsocketConnect"]
    )
    variables = configuration["Environment"]["Variables"]
    assert variables["AUTH"] == "jwt"
    assert variables["AUTH_ISSUER"] == outputs(aws)["SignInIssuer"]
    assert variables["AUTH_AUDIENCE"] == outputs(aws)["SignInClient"]
    code = tmp_path / "code"
    with zipfile.ZipFile(deployed / "build" / "prod" / "deployment.zip") as archive:
        archive.extractall(code)

    with TlsProxy(HOST, aws.endpoint, tmp_path) as proxy:

        def connect(token: str) -> tuple[Any, str]:
            """Run the connect function as Lambda does; return its result and its log."""
            done = subprocess.run(
                [sys.executable, "-I", "-S", RUNTIME_SCRIPT, code, runtime_packages, "app.connect"],
                input=json.dumps(
                    event(
                        "CONNECT",
                        ANN,
                        multiValueHeaders={
                            "Sec-WebSocket-Protocol": [f"chalice-ws.v1, {token}"],
                        },
                    )
                ),
                env={
                    **aws.environment,
                    **variables,
                    **proxy.environment,
                    "NO_PROXY": "127.0.0.1",
                    "_HANDLER": "app.connect",
                    "AWS_LAMBDA_FUNCTION_NAME": made["WebsocketConnect"],
                    "AWS_LAMBDA_LOG_FORMAT": "JSON",
                    "AWS_LAMBDA_LOG_LEVEL": "INFO",
                },
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            assert token not in done.stdout + done.stderr
            return json.loads(done.stdout), done.stderr

        accepted = {
            "statusCode": 200,
            "headers": {"Sec-WebSocket-Protocol": "chalice-ws.v1"},
        }
        for name in ("AccessToken", "IdToken"):
            answer, log = connect(tokens[name])
            assert answer == accepted, log
        assert proxy.paths[:2] == [
            f"/{made['UserPool']}/.well-known/openid-configuration",
            f"/{made['UserPool']}/.well-known/jwks.json",
        ]
        head, payload, signature = tokens["AccessToken"].split(".")
        forged = f"{head}.{payload[:-1]}{'A' if payload[-1] != 'A' else 'B'}.{signature}"
        answer, log = connect(forged)
        assert answer == {"statusCode": 401}
        assert "refused: the token" in log

    rows = aws.client("dynamodb").scan(TableName=f"{STACK}-connections")["Items"]
    (row,) = [each for each in rows if each["channel"]["S"].startswith("lobby#")]
    (person,) = aws.client("cognito-idp").list_users(UserPoolId=made["UserPool"])["Users"]
    attributes = {each["Name"]: each["Value"] for each in person["Attributes"]}
    assert row["user"] == {"S": attributes["sub"]}


def assert_page_signs_in(aws: Account, deployed: Path) -> None:
    """`make page` writes the settings that the page needs for the code flow."""
    given = outputs(aws)
    printed = aws.make(deployed, "page", STAGE="prod")
    assert given["SignInIssuer"] in printed
    folder = deployed / "build" / "prod" / "page"
    assert json.loads((folder / "config.json").read_text()) == {
        "url": given["WebsocketConnectEndpointURL"].rstrip("/"),
        "sign_in": {"issuer": given["SignInIssuer"], "client_id": given["SignInClient"]},
    }
    settings = deployed / "page settings.json"
    settings.write_text('{"url": "wss://chat.example.com"}')
    aws.make(deployed, "page", STAGE="prod", SETTINGS=str(settings))
    assert json.loads((folder / "config.json").read_text()) == json.loads(settings.read_text())


@pytest.mark.full
def test_deploy_again_changes_nothing_and_destroy_deletes_the_pool(
    aws: Account, deployed: Path
) -> None:
    assert "No changes" in aws.make(deployed, "deploy", **EXTRAS)
    assert_page_signs_in(aws, deployed)
    pool = resources(aws, STACK)["UserPool"]
    printed = aws.make(deployed, "destroy", STAGE="prod", YES="1")
    assert f"the user pool {pool} with its people" in printed
    pools = aws.client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"]
    assert pools == []


@pytest.mark.full
def test_check_knows_the_settings_of_the_user_pool(aws: Account, bake: Bake) -> None:
    """AUTH jwt is half on without the extra."""
    app = bake()
    path = app / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["prod"]["environment_variables"]["AUTH"] = "jwt"
    path.write_text(json.dumps(config))
    (app / "requirements.txt").write_text("PyJWT[crypto]>=2.15,<3\n")
    aws.make(app, "check", EXTRAS_prod="production cognito")
    with pytest.raises(AssertionError, match="AUTH_ISSUER is not valid"):
        aws.make(app, "check")

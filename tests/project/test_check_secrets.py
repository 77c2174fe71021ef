"""`make check` with secrets in the settings, which are in git."""

import json
from pathlib import Path

from tests.project.test_check import CONFIG, copy_with, run_check

# Parts, so that no scanner takes the tests for a leak.
ERRORS = {
    "AWS_KEY_OF_UPLOADS": ("AKIA" + "IOSFODNN7EXAMPLE", "an AWS access key"),
    "SIGNER": ("-----BEGIN " + "RSA PRIVATE KEY-----\nMIIE", "a private key"),
    "REPO": ("ghp_" + "a1B2" * 9, "a token of GitHub"),
    "PAY": ("sk_live_" + "4eC39HqLyjWDarjtT1", "a key of Stripe"),
    "MODEL": ("sk-" + "proj-Ab12Cd34Ef56Gh78", "an API key"),
    "BOT": ("xoxb-" + "123456789012-abcdef", "a token of Slack"),
    "DATABASE_URL": ("postgres://tea:" + "milk@db.example.com/tea", "an address with a password"),
    "SESSION": ("eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl", "a token (JWT)"),
}
WARNINGS = {
    "DB_PASSWORD": "hunter2",
    "CLIENT_SECRET": "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY",
    "WEBHOOK_TOKEN": "8f14e45fceea167a5a36dedd4bea2543",
    "SOME_API_KEY": "0f8fad5b-d9cb-469f-a165-70867728950e",
}
HARMLESS = {
    "MAIL_PASSWORD": "/my-app/mail",
    "TOKEN_SECONDS": "3600",
    "OTHER_SECRET": "my-app-secret-2026",
    "PARTNER_SECRET": "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf",
    "PARTITION_KEY": "connection_id",
    "TOKEN_URL": "https://issuer.example.com/oauth/token",
    "COMMIT": "8f14e45fceea167a5a36dedd4bea2543",
}


def test_check_of_secrets_in_the_settings_says_where_to_put_them(app: Path, tmp_path: Path) -> None:
    copy = copy_with(app, tmp_path)
    config = json.loads((copy / CONFIG).read_text())
    variables = config["stages"]["dev"]["environment_variables"]
    variables |= {name: value for name, (value, _) in ERRORS.items()} | WARNINGS | HARMLESS
    (copy / CONFIG).write_text(json.dumps(config))
    status, output = run_check(copy)
    assert status == 1
    lines = output.splitlines()
    where, put = f"{CONFIG}, stage dev", "put it into an SSM parameter (see docs/recipes/secret.md)"
    for name, (value, kind) in ERRORS.items():
        assert any(
            line.startswith(
                f"error: {where}: {name} has {kind} (got {len(value)} characters); {put}"
            )
            for line in lines
        ), name
        assert value not in output
    for name, value in WARNINGS.items():
        assert any(f"warning: {where}: {name} looks like a secret" in line for line in lines), name
        assert value not in output
    assert not [name for name in HARMLESS if f"{name} " in output]

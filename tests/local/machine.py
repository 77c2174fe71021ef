"""A machine with AWS settings of its developer, and the process environment for it."""

import os
from pathlib import Path

# A part of each setting that would lead to an account of the developer.
FOREIGN = "foreign"


def environment(tmp: Path) -> dict[str, str]:
    """Return the variables of a machine with AWS settings, none of which may be used."""
    home = tmp / "home"
    (home / ".aws").mkdir(parents=True, exist_ok=True)
    keys = f"aws_access_key_id = {FOREIGN}\naws_secret_access_key = {FOREIGN}\n"
    (home / ".aws/credentials").write_text(f"[default]\n{keys}[{FOREIGN}]\n{keys}")
    (home / ".aws/config").write_text(
        f"[default]\nendpoint_url = http://{FOREIGN}.invalid\nservices = all\n"
        f"sso_session = {FOREIGN}\nsso_account_id = 1\nsso_role_name = {FOREIGN}\n"
        f"[services all]\ndynamodb =\n  endpoint_url = http://{FOREIGN}.invalid\n"
    )
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **own,
        "HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ACCESS_KEY_ID": FOREIGN,
        "AWS_SECRET_ACCESS_KEY": FOREIGN,
        "AWS_SESSION_TOKEN": FOREIGN,
        "AWS_PROFILE": f"{FOREIGN}-and-missing",
        "AWS_CA_BUNDLE": f"/{FOREIGN}.pem",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{FOREIGN}.invalid",
        "AWS_WEB_IDENTITY_TOKEN_FILE": f"/{FOREIGN}",
        "AWS_ROLE_ARN": f"arn:aws:iam::123456789012:role/{FOREIGN}",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_REGION": "",
        "AWS_ENDPOINT_URL": f"http://{FOREIGN}.invalid",
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://{FOREIGN}.invalid",
        "AWS_ENDPOINT_URL_STS": f"http://{FOREIGN}.invalid",
    }

"""Find secrets in .chalice/config.json.

The file is in git. AWS shows environment variables to everybody who may see the function.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalice_ws.project.config import CONFIG, Advice, levels, place_of

# Patterns of keys and tokens, each with its kind.
_KINDS = {
    r"\b(AKIA|ASIA)[A-Z0-9]{16}\b": "an AWS access key",
    r"-----BEGIN [A-Z ]*PRIVATE KEY": "a private key",
    r"\b(ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}": "a token of GitHub",
    r"\bglpat-[\w-]{20,}": "a token of GitLab",
    r"\bxox[a-z]-[\w-]{10,}|hooks\.slack\.com/services/\w+": "a token of Slack",
    r"\b[rs]k_(live|test)_\w{16,}|\bwhsec_\w{16,}": "a key of Stripe",
    r"\bsk-[\w-]{20,}": "an API key",
    r"\bAIza[\w-]{35}": "a key of Google",
    r"\bSG\.[\w-]{16,}\.[\w-]{16,}": "a key of SendGrid",
    r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+": "a token (JWT)",
    r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s@]+@": "an address with a password",
}

_PASSWORD = re.compile(r"(PASSWORD|PASSWD|PASSPHRASE)\d*$")
_SECRET = re.compile(r"(SECRET|TOKEN|CREDENTIALS?|(API|ACCESS|PRIVATE|SIGNING)_?KEY|_KEY)\d*$")

# The names of parameters and secrets, and what CloudFormation puts in.
_REFERENCE = re.compile(r"/|arn:|ssm:|\{\{resolve:")

_MIN_SECRET_LENGTH = 12


def find_secrets(content: dict[str, Any], stage: str, folder: Path) -> Iterator[str]:
    """Yield the environment variables of a stage that have secrets, or look so."""
    for where, name, value in _variables(content, stage):
        kind = next((what for pattern, what in _KINDS.items() if re.search(pattern, value)), "")
        got = f"(got {len(value)} characters); {_use(folder)}"
        is_password = bool(value) and _PASSWORD.search(name.upper()) is not None
        is_likely = is_password or (_SECRET.search(name.upper()) and _is_random(value))
        if kind:
            yield f"{where}: {name} has {kind} {got}"
        elif is_likely and not _REFERENCE.match(value):
            yield Advice(f"{where}: {name} looks like a secret {got}")


def _variables(content: dict[str, Any], stage: str) -> Iterator[tuple[str, str, str]]:
    for path, _, settings in levels(content, stage):
        # A variable at the top is in each stage. Its line names none, so that it is printed once.
        where = place_of(stage) if path.startswith("stages.") else CONFIG
        for name, value in settings.get("environment_variables", {}).items():
            if isinstance(value, str):
                yield where, name, value


def _is_random(value: str) -> bool:
    """Return whether a part of a value mixes letters and digits, or cases, as no word does."""
    parts = [each for each in re.split(r"[^A-Za-z0-9+]", value) if each]
    longest = max(parts, key=len, default="")
    kinds = sum(re.search(kind, longest) is not None for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return len(longest) >= _MIN_SECRET_LENGTH and kinds > 1


def _use(folder: Path) -> str:
    recipe = folder / "docs" / "recipes" / "secret.md"
    see = f" (see {recipe.relative_to(folder)})" if recipe.exists() else ""
    return f"put it into an SSM parameter{see}, remove it here, and replace it if it is in git"

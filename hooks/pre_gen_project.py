"""Check the answers before the app is generated. Standard library only."""

import json
import re
import sys

# tojson escapes the quotes that would end the string. A raw string has no other escapes.
ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')  # fmt: skip

KINDS = ("chat", "notifications", "echo")

# The name of a Lambda function has at most 64 characters. CloudFormation makes it of the stack, the
# resource and a suffix of 13 characters, and shortens the stack's part where it is too long. The
# names in the policies would then not match.
MAX_NAME_LENGTH = 64 - len("-prod-WebsocketDisconnect-") - 13


def find_problems(answers: dict[str, str]) -> list[str]:
    """Return the problems of the answers, a line each: what is wrong, and what to use."""
    found = []
    name, kind, region = (str(answers[key]) for key in ("app_name", "app_kind", "aws_region"))
    if not re.fullmatch(r"[A-Za-z](-?[A-Za-z0-9])*", name):
        words = re.findall(r"[A-Za-z0-9]+", name)
        suggestion = "-".join(words).lstrip("0123456789-")[:MAX_NAME_LENGTH].strip("-") or "my-chat"
        what = "app_name may have letters, digits and single dashes, and starts with a letter"
        found.append(f"{what} (got {name!r}); use {suggestion!r}")
    elif len(name) > MAX_NAME_LENGTH:
        found.append(
            f"app_name is too long (got {name!r}); use at most {MAX_NAME_LENGTH} characters"
        )
    if kind not in KINDS:
        found.append(f"app_kind is unknown (got {kind!r}); use one of {', '.join(KINDS)}")
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", region):
        found.append(f"aws_region is not a region (got {region!r}); use one such as 'us-east-1'")
    return found


if __name__ == "__main__":
    problems = find_problems(ANSWERS)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)

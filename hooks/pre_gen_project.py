"""Check the answers before anything is rendered. Standard library only."""

import json
import re
import sys

# tojson escapes the quotes that would end the string, and a raw string has no other escapes.
ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')  # fmt: skip

KINDS = ("chat", "notifications", "echo")

# A function in AWS has 64 characters at most. CloudFormation names it by stack, resource and 13
# more, and cuts the stack's part if it must: then the policies would not match the logs.
LONGEST = 64 - len("-prod-WebsocketDisconnect-") - 13


def problems(answers: dict[str, str]) -> list[str]:
    """What is wrong with the answers, a line each, saying what to use."""
    found = []
    name, kind, region = (str(answers[key]) for key in ("app_name", "app_kind", "aws_region"))
    if not re.fullmatch(r"[A-Za-z](-?[A-Za-z0-9])*", name):
        words = re.findall(r"[A-Za-z0-9]+", name)
        mended = "-".join(words).lstrip("0123456789-")[:LONGEST].strip("-") or "my-chat"
        what = "app_name must be letters, digits and single dashes, a letter first"
        found.append(f"{what} (got {name!r}); use {mended!r}")
    elif len(name) > LONGEST:
        found.append(f"app_name is too long (got {name!r}); use at most {LONGEST} characters")
    if kind not in KINDS:
        found.append(f"app_kind is unknown (got {kind!r}); use one of {', '.join(KINDS)}")
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", region):
        found.append(f"aws_region is not a region (got {region!r}); use one such as 'us-east-1'")
    return found


if __name__ == "__main__":
    found = problems(ANSWERS)
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    sys.exit(1 if found else 0)

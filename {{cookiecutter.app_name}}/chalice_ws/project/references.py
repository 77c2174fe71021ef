"""The references in a CloudFormation template."""

import re
from typing import Any


def references(value: Any) -> set[str]:
    """Return the names that a part of a template refers to."""
    found: set[str] = set()
    for key, each in value.items() if isinstance(value, dict) else ():
        if key == "Ref":
            found.add(str(each))
        elif key == "Fn::GetAtt":
            found.add(each.partition(".")[0] if isinstance(each, str) else str(each[0]))
        elif key == "Fn::Sub":
            text = each if isinstance(each, str) else each[0]
            found |= set(re.findall(r"\$\{([A-Za-z0-9]+)[.}]", text))
        elif key == "DependsOn":
            found |= {each} if isinstance(each, str) else {*each}
        found |= references(each)
    for each in value if isinstance(value, list) else ():
        found |= references(each)
    return found

"""The output of the check."""


def without_python_warning(stderr: str) -> list[str]:
    """Return the lines of an output without the warning that Lambda has deprecated this Python."""
    return [line for line in stderr.splitlines() if not line.startswith("warning: Lambda ")]

"""The error of an app's own module that has the name of one of Python's."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def explain_hidden_modules() -> Iterator[None]:
    """End with one line if an import fails because of a module in the working directory."""
    try:
        yield
    except (ImportError, AttributeError):
        for name in sorted(sys.stdlib_module_names & sys.modules.keys()):
            file = os.path.relpath(getattr(sys.modules[name], "__file__", None) or os.devnull)
            if file in (f"{name}.py", os.path.join(name, "__init__.py")):
                problem = f"{file} takes the place of Python's own module {name}"
                sys.exit(f"error: {problem}; rename it, or move it into chalicelib/")
        raise

"""Check the app that came out, with the check that it brings along. Standard library only."""

import json
import runpy
import sys
from pathlib import Path

ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')  # fmt: skip

if __name__ == "__main__":
    check = runpy.run_path("chalice_ws/project/check.py")
    found = list(check["problems"](Path.cwd()))
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    if not found:
        print(f"Next: cd {ANSWERS['app_name']}")
        print("      make run    # then open http://127.0.0.1:8000/ in two tabs")
        print("      make test   # and see README.md for how to add an action of your own")
    sys.exit(1 if found else 0)

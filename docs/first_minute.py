"""Make the pictures of the first minute with an app: `python -m docs.first_minute`.

Each is of a running app. pngquant makes them smaller, where it is installed.
"""

import html
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from docs.pictures import demo
from tests.local.gateway import Gateway
from tests.web.browser import Tab

FOLDER = Path(__file__).parent
SIZE = (1000, 520)

# An owner's edit: each message arrives in capitals.
LINE = "    push = new_message(channel, data, sender=me)\n"
EDITED = "    push = new_message(channel, data.upper(), sender=me)\n"

TERMINAL = """<body style="margin: 0; padding: 16px; background: #17181c; color: #e4e4e7;
 font: 16px/1.6 'Noto Sans Mono', 'DejaVu Sans Mono', monospace; white-space: pre-wrap">"""


def terminal(tab: Tab, path: Path, text: str) -> None:
    """Take a picture of a terminal with a text."""
    tab.visit(f"data:text/html;charset=utf-8,{quote(TERMINAL + html.escape(text))}")
    tab.picture(path)


def printed(gateway: Gateway) -> str:
    """Return what the gateway prints at its start, at the port that `make run` has."""
    start, last, _ = gateway.printed().partition("Press Ctrl-C to stop.")
    text = re.sub(r"/\S+/python", ".venv/bin/python", start + last)
    text = re.sub(r" --(project-dir|port) \S+", "", text)
    return text.replace(str(gateway.port), "8000")


def main() -> None:
    """Take four pictures: the command, the page, a conversation, and an edit that is live."""
    paths = [FOLDER / f"first-minute-{number}.png" for number in range(1, 5)]
    with demo("chat") as (driver, gateway):
        ann = Tab(driver, gateway.page, *SIZE)
        ann.wait_for("#members .you", "you")
        ann.wait_for("#directory-note", "No others yet.")
        ann.picture(paths[1])
        screen = Tab(driver, gateway.page, *SIZE)
        terminal(screen, paths[0], f"$ make run\n{printed(gateway)}")
        bob = Tab(driver, gateway.page, *SIZE)
        for name, tab in (("Ann", ann), ("Bob", bob)):
            tab.take_name(name)
            tab.join("tea")
        for tab, text in ((ann, "Is the tea ready?"), (bob, "Two minutes")):
            tab.say(text)
            ann.wait_for("#messages .data", text)
        ann.run("document.activeElement.blur()")
        ann.wait_for("#typing", "")
        ann.picture(paths[2])
        actions = gateway.project / "chalicelib" / "actions.py"
        source = actions.read_text()
        assert LINE in source
        actions.write_text(source.replace(LINE, EDITED))
        gateway.prints("loaded again")
        bob.say("it is ready")
        ann.wait_for("#messages .data", "IT IS READY")
        ann.run("document.activeElement.blur()")
        ann.wait_for("#typing", "")
        ann.picture(paths[3])
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext=.png", "--strip", *paths], check=True)


if __name__ == "__main__":
    main()

"""Make the README's pictures: `make pictures`.

pngquant makes them smaller, where it is installed. Fonts differ between machines: use Noto Sans.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cookiecutter.main import cookiecutter
from selenium.webdriver import Chrome

from tests.local.gateway import Gateway, serving
from tests.web.browser import Tab, chromium

ROOT = Path(__file__).parent.parent

TALK = [
    ("Ann", "tea", "Morning! Is the tea ready?"),
    ("Bob", "tea", "Two minutes. Green or black?"),
    ("Zoë", "tea", "Black for me. And where is the <b>big</b> cup?"),
    ("Ann", "tea", "Green, please. The big cup is mine :)"),
    ("Zoë", "cake", "There is cake too"),
    ("Bob", "tea", "On its way"),
]


@contextmanager
def demo(kind: str) -> Iterator[tuple[Chrome, Gateway]]:
    """Bake an app of a kind and run it, beside a browser."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # cookiecutter keeps the answers there.
        os.environ["HOME"] = name
        options = {"no_input": True, "output_dir": name, "extra_context": {"app_kind": kind}}
        app = Path(cookiecutter(str(ROOT), default_config=True, **options))
        with chromium(folder / "profile") as driver, serving(app, app, folder) as gateway:
            yield driver, gateway


def main() -> None:
    """Let three tabs chat, and save what they show."""
    folder = Path(__file__).parent
    with demo("chat") as (driver, gateway):
        tabs = {name: Tab(driver, gateway.page, 1280, 720) for name in ("Ann", "Bob", "Zoë")}
        for name, tab in tabs.items():
            tab.take_name(name)
            tab.join("cake")
            tab.join("tea")
        for name, channel, text in TALK:
            if channel != tabs[name].texts("#title")[0]:
                tabs[name].join(channel)
            tabs[name].say(text)
            tabs[name].wait_for("#messages .own:not(.pending) .data", text)
            if channel == "tea":
                tabs["Ann"].wait_for("#messages .data", text)
        tabs["Ann"].wait_for("#channels .badge", "1 new")
        tabs["Ann"].click("#inspect")
        tabs["Bob"].resize(360, 720)
        pictures = []
        for name, screen in (("Ann", "chat"), ("Bob", "phone")):
            # Without the ring of the focus, and a line that says who types.
            tabs[name].run("document.activeElement.blur()")
            tabs[name].wait_for("#typing", "")
            for scheme in ("light", "dark"):
                pictures.append(folder / f"{screen}-{scheme}.png")
                tabs[name].picture(pictures[-1], scheme == "dark")
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext=.png", "--strip", *pictures], check=True)


if __name__ == "__main__":
    main()

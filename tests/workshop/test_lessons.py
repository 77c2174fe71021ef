"""Each lesson, followed by a reader from an empty folder: what it prints, and what it leaves."""

from pathlib import Path

import pytest

from tests.deploy.aws.account import Account
from tests.workshop.pages import PAGES, WORKSHOP
from tests.workshop.reader import reading

# These two show what all lessons need, and take seconds.
QUICK = {"01-echo"}

LESSONS = [
    pytest.param(page, id=page.stem, marks=[] if page.stem in QUICK else pytest.mark.full)
    for page in PAGES
]


@pytest.mark.parametrize("page", LESSONS)
def test_lesson_prints_what_its_page_shows_and_ends_with_its_app(
    page: Path, app: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    end = WORKSHOP / page.stem
    expected = {
        path.relative_to(end).as_posix(): path.read_bytes()
        for path in end.rglob("*")
        if path.is_file()
    }
    with reading(tmp_path, app) as reader:
        for heading in reader.follow(page):
            if heading == "Deploy it":
                # In place of `aws configure`: a simulated account.
                account: Account = request.getfixturevalue("aws")
                names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
                settings = {name: account.environment[name] for name in names}
                for name, value in {**settings, "no_proxy": "127.0.0.1"}.items():
                    reader.terminal("first").run(f"$ export {name}={value}", False)
            # The exercise comes after the lesson's own app.
            if heading == "Exercise":
                own = reader.files()
                assert {name: own.get(name, b"").decode() for name in expected} == {
                    name: content.decode() for name, content in expected.items()
                }

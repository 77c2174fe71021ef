"""docs/known-problems.md: each problem has its thread and a test that exists."""

import re

from tests.conftest import RAW, ROOT

PAGE = (ROOT / "docs" / "known-problems.md").read_text()


def test_each_problem_has_a_thread_and_a_test() -> None:
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ")]
    problems = [row for row in rows if row[0].strip() != "problem"]
    assert len(problems) == 20
    for problem, here, test in problems:
        assert re.search(r"\]\(https://", problem), problem
        assert here.strip()
        assert re.fullmatch(r" `test_\w+` ", test), test


def test_each_test_of_the_page_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    files = [*(ROOT / "tests").rglob("test_*.py"), *(RAW / "tests").rglob("test_*.py")]
    defined = {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert named - defined == set()

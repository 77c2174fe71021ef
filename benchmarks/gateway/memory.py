"""The memory of processes, from Linux's /proc."""

from pathlib import Path


def session_memory_mib(session: int) -> float:
    """Return the MiB of all processes of a session. Shared pages are divided (PSS)."""
    processes = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    return sum(_pss_kib(path) for path in processes if _session_of(path) == session) / 1024


def _session_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, IndexError):
        return 0


def _pss_kib(process: Path) -> int:
    try:
        rollup = (process / "smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in rollup.splitlines() if "Pss:" in line), 0)

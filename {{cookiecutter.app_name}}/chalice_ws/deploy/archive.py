"""The zip of a stage, with the same bytes for the same code on any machine."""

from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from zipfile import ZIP_STORED, ZipFile, ZipInfo

# Files that a system, an editor or Python writes beside the code, and files of secrets.
EXCLUDED = (
    "*.py[co]",
    "__pycache__",
    ".env",
    ".env.*",
    ".DS_Store",
    "*.sw[op]",
    "*~",
    ".idea",
    ".vscode",
)
# The earliest time that a zip can hold.
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
UNIX = 3
FILE_MODE = 0o100644
EXECUTABLE_MODE = 0o100755
OWNER_CAN_EXECUTE = 0o100


def normalize(path: Path) -> None:
    """Rewrite a zip: sorted, with fixed times and modes, without the excluded files.

    Lambda runs the code as another user, so a file of mode 0600 cannot be imported there.
    """
    new = path.with_suffix(".new")
    with ZipFile(path) as source, ZipFile(new, "w") as target:
        for member in sorted(source.infolist(), key=lambda member: member.filename):
            if member.is_dir() or _is_excluded(member.filename):
                continue
            info = ZipInfo(member.filename, FIXED_TIME)
            info.create_system = UNIX
            # Compressed bytes depend on the version of zlib.
            info.compress_type = ZIP_STORED
            executable = member.external_attr >> 16 & OWNER_CAN_EXECUTE
            info.external_attr = (EXECUTABLE_MODE if executable else FILE_MODE) << 16
            target.writestr(info, source.read(member))
    new.replace(path)


def _is_excluded(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(fnmatch(part, pattern) for part in parts for pattern in EXCLUDED)

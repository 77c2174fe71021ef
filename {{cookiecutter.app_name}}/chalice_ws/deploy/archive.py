"""The zip of a stage, with the same bytes for the same code on any machine."""

from pathlib import Path, PurePosixPath
from zipfile import ZIP_STORED, ZipFile, ZipInfo

# The earliest time that a zip can hold.
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
UNIX = 3
FILE_MODE = 0o100644
EXECUTABLE_MODE = 0o100755
# The first bytes of programs: Linux's own format, and scripts.
PROGRAMS = (b"\x7fELF", b"#!")


def normalize(path: Path) -> None:
    """Rewrite a zip: sorted, with fixed times and modes, without compiled files.

    Lambda runs the code as another user, so a file of mode 0600 cannot be imported there. A mode
    that depends on the content is the same on a file system without modes.
    """
    new = path.with_suffix(".new")
    with ZipFile(path) as source, ZipFile(new, "w") as target:
        for member in sorted(source.infolist(), key=lambda member: member.filename):
            name = PurePosixPath(member.filename)
            if member.is_dir() or "__pycache__" in name.parts or name.suffix in (".pyc", ".pyo"):
                continue
            content = source.read(member)
            if name.suffix == ".py":
                # git may check out Python files with the line ends of Windows.
                content = content.replace(b"\r\n", b"\n")
            info = ZipInfo(member.filename, FIXED_TIME)
            info.create_system = UNIX
            # Compressed bytes depend on the version of zlib.
            info.compress_type = ZIP_STORED
            mode = EXECUTABLE_MODE if content.startswith(PROGRAMS) else FILE_MODE
            info.external_attr = mode << 16
            target.writestr(info, content)
    new.replace(path)

"""The options that several commands have."""

from argparse import ArgumentParser
from pathlib import Path

DEFAULT_PORT = 8000


def add_project_dir(parser: ArgumentParser) -> None:
    """Add --project-dir, the folder of the app."""
    parser.add_argument(
        "--project-dir",
        metavar="FOLDER",
        type=Path,
        default=Path(),
        help="folder of the Chalice app (default: the current folder)",
    )


def add_stage(parser: ArgumentParser) -> None:
    """Add --stage, by default dev."""
    use = "stage in .chalice/config.json (default: %(default)s)"
    parser.add_argument("--stage", default="dev", help=use)


def add_port(parser: ArgumentParser) -> None:
    """Add --port, the port of the running local gateway."""
    use = "port of the local gateway (default: %(default)s)"
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=use)


def add_resources(parser: ArgumentParser) -> None:
    """Add the option --resources, for resource files other than resources.json."""
    parser.add_argument(
        "--resources",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="resource file beside resources.json, such as that of chalice package "
        "--merge-template (default: none)",
    )

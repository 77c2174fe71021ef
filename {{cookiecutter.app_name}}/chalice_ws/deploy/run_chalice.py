"""Run Chalice's command line so that a package has only the files that git would commit."""

import sys
from pathlib import Path

import chalice.cli
from chalice.utils import OSUtils

from chalice_ws.deploy.shipped import ShippedFiles, Walk

if __name__ == "__main__":
    shipped = ShippedFiles(Path.cwd())

    def walk(self: OSUtils, path: str, followlinks: bool = False) -> Walk:
        """Walk a folder."""
        return shipped.walk(path, followlinks)

    OSUtils.walk = walk  # type: ignore[method-assign]
    sys.exit(chalice.cli.main())

"""A process that has imported what the commands of chalice_ws need, and forks for each command.

Run by its path with the number of a socket. tests/warm.py says what it gets and answers.
"""

import gc
import importlib
import json
import multiprocessing
import os
import runpy
import socket
import struct
import sys

PACKAGES = [
    *["boto3", "botocore.docs.service", "botocore.session", "yaml", "jmespath", "argparse"],
    *["chalice", "chalice.cli", "chalice.cli.factory", "chalice.deploy.packager"],
    *["chalice.deploy.validate", "chalice.package", "chalice.policy", "concurrent.futures.process"],
]


def main() -> None:
    """Serve commands until the socket is closed. Each runs in a fork of this process."""
    for name in PACKAGES:
        importlib.import_module(name)
    # A collection in a fork would copy the memory of all that is imported.
    gc.collect()
    gc.freeze()
    forking = multiprocessing.get_context("fork")
    # A new interpreter would import the packages again.
    multiprocessing.get_context = lambda method=None: forking  # type: ignore[assignment]
    with socket.socket(fileno=int(sys.argv[1])) as server:
        while size := server.recv(4, socket.MSG_WAITALL):
            (length,) = struct.unpack("!I", size)
            _, files, _, _ = socket.recv_fds(server, 1, 3)
            command = json.loads(server.recv(length, socket.MSG_WAITALL))
            if (process := os.fork()) == 0:
                server.close()
                run(files, **command)
                return
            for each in files:
                os.close(each)
            _, status = os.waitpid(process, 0)
            server.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))


def run(files: list[int], arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Run a module, with its input and its output in files."""
    for number, each in enumerate(files):
        os.dup2(each, number)
        os.close(each)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

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
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from botocore.loaders import JSONFileLoader
from botocore.session import Session

SERVICES = ["apigateway", "apigatewayv2", "cloudformation", "logs", "s3", "sts"]

run_anew = subprocess.run

PACKAGES = [
    *["boto3", "botocore.docs.service", "botocore.session", "yaml", "jmespath", "argparse"],
    *["chalice", "chalice.cli", "chalice.cli.factory", "chalice.deploy.packager"],
    *["chalice.deploy.validate", "chalice.package", "chalice.policy", "concurrent.futures.process"],
]


def main() -> None:
    """Serve commands until the socket is closed. Each runs in a fork of this process."""
    for name in PACKAGES:
        importlib.import_module(name)
    read_models_once()
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


def read_models_once() -> None:
    """Read the models of AWS's services, which each fork has from then on."""
    read = JSONFileLoader.load_file
    contents: dict[str, Any] = {}

    def load_file(loader: JSONFileLoader, path: str) -> Any:
        if path not in contents:
            contents[path] = read(loader, path)
        return contents[path]

    JSONFileLoader.load_file = load_file
    session = Session()
    for service in SERVICES:
        session.create_client(
            service, "us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
        )


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
    subprocess.run = run_in_fork  # type: ignore[assignment]
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def run_in_fork(
    command: Sequence[str], *, env: dict[str, str] | None = None, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run a command as subprocess.run does, but a module of Python in a fork."""
    if [*command[:2]] != [sys.executable, "-m"] or options != {
        "capture_output": True,
        "text": True,
    }:
        return run_anew(command, env=env, **options)
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        if (process := os.fork()) == 0:
            files = [
                os.open(os.devnull, os.O_RDONLY),
                os.dup(stdout.fileno()),
                os.dup(stderr.fileno()),
            ]
            environment = dict(os.environ if env is None else env)
            run_and_exit(files, [*command[2:]], os.getcwd(), environment)
        _, status = os.waitpid(process, 0)
        output = []
        for each in (stdout, stderr):
            each.seek(0)
            output.append(each.read().decode())
        return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(status), *output)


def run_and_exit(
    files: list[int], arguments: list[str], folder: str, environment: dict[str, str]
) -> NoReturn:
    """Run a module, and end this process at once: what its parent has begun is its parent's."""
    status = 0
    try:
        run(files, arguments, folder, environment)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()

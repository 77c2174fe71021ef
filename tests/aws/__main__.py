"""Serve on a free port of 127.0.0.1, print it, and stop when standard input ends."""

import os
import sys

from moto.server import ThreadedMotoServer

from tests.aws import changes, deployments, limits, resources, stacks

for part in (changes, deployments, limits, resources, stacks):
    part.install()
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
# What CloudFormation makes, it makes by calls to this same server.
os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
print(port, flush=True)
sys.stdin.read()
server.stop()

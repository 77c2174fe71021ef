"""Serve on a free port of 127.0.0.1, print it, and stop when standard input ends."""

import json
import os
import sys

# moto reads this variable at each reset.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.iam import models
from moto.server import ThreadedMotoServer

from tests.deploy.aws import (
    changes,
    deployments,
    early_validation,
    functions,
    limits,
    resources,
    stacks,
    update_account,
)

# The managed policies that a deploy attaches. With all of AWS's a reset takes seconds.
ATTACHED = {"AmazonAPIGatewayPushToCloudWatchLogs", "AWSXRayDaemonWriteAccess"}

policies = json.loads(models.aws_managed_policies_data)
models.aws_managed_policies_data = json.dumps({name: policies[name] for name in ATTACHED})
PARTS = (
    changes,
    early_validation,
    deployments,
    functions,
    limits,
    resources,
    stacks,
    update_account,
)
for part in PARTS:
    part.install()
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
# CloudFormation creates resources with calls to this same server.
os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
print(port, flush=True)
sys.stdin.read()
server.stop()

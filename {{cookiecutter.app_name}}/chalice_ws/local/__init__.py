"""The local gateway: API Gateway, Lambda, DynamoDB and SQS on this machine. Never deployed.

`server.py` starts the parts. A message goes this way:

| step | module |
|---|---|
| bytes of a client become messages | `websocket.py` |
| the connections of all clients take turns | `gateway.py`, `turns.py` |
| the message becomes an event | `events.py` |
| the event gets a worker process of its function | `workers.py`, `worker.py`, `processes.py` |
| the worker runs the handler | `runtime.py`, `lambda_function.py` |
| the handler's calls to AWS stay on this machine | `isolation.py`, `endpoints.py` |
| a call to `@connections` reaches the client | `aws_api.py` |

Other ways to a handler are `rest.py` (HTTP requests), `triggers.py` (queues and schedules) and
`invoke.py` (the command line).
"""

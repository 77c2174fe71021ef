"""The local gateway: API Gateway, Lambda, DynamoDB and SQS on this machine. Never deployed.

`server.py` starts the parts. A message goes this way:

| step | module |
|---|---|
| bytes of a client become messages | `websocket_api/websocket.py` |
| the connections of all clients take turns | `websocket_api/gateway.py`, `turns.py` |
| the message becomes an event | `websocket_api/events.py` |
| the event gets a worker process of its function | `functions/workers.py`, `worker.py` |
| the worker runs the handler | `functions/runtime.py`, `lambda_function.py` |
| the handler's calls to AWS stay on this machine | `isolation.py`, `functions/endpoints.py` |
| a call to `@connections` reaches the client | `websocket_api/aws_api.py` |

Other ways to a handler are `rest_api/` (HTTP requests) and `triggers/` (queues, schedules and
`chalice-ws invoke`). `authorizers/` and `issuer/` decide who may use one.
"""

"""The local gateway: API Gateway, Lambda and the app's other services on this machine.

It is never deployed. `server.py` starts the parts. A message goes this way:

| step | module |
|---|---|
| the bytes of a client become messages | `websocket_api/websocket.py` |
| a message waits until its connection has its turn | `websocket_api/turns.py` |
| the message becomes an event | `websocket_api/gateway.py`, `events.py` |
| the event gets a worker process of its function | `functions/workers.py`, `worker.py` |
| the worker runs the handler | `functions/runtime.py`, `lambda_function.py` |
| the handler's calls of AWS stay on this machine | `isolation.py`, `functions/endpoints.py` |
| a call to `@connections` reaches the client | `websocket_api/aws_api.py` |

Other ways to a handler are `rest_api/` (HTTP requests) and `triggers/` (queues, schedules and
`chalice-ws invoke`). `authorizers/` allows or refuses a client before its handler. `issuer/` makes
the tokens of an app with sign-in.
"""

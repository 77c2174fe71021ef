"""A WebSocket API of API Gateway: connections, messages, and the management API."""

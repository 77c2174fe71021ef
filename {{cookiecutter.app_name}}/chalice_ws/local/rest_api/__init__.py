"""A REST API of API Gateway: HTTP requests to the routes of an app."""

"""The local gateway: API Gateway, Lambda, DynamoDB and SQS on this machine. Never deployed."""

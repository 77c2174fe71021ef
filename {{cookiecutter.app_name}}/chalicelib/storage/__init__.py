"""The DynamoDB table: connections, memberships and history."""

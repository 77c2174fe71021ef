"""API Gateway, Lambda and DynamoDB on your own machine; never deployed."""

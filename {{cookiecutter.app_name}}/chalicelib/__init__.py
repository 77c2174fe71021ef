"""What is deployed beside app.py: it may import boto3, chalice and the standard library."""

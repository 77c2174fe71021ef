"""The code that is deployed beside app.py. It uses boto3, chalice and the standard library."""

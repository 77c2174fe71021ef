"""Deploy an app as one CloudFormation stack for each stage. Never deployed itself."""

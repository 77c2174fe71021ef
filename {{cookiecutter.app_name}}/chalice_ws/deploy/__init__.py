"""`make deploy` and its kin: the app as one CloudFormation stack for each stage. Never deployed."""

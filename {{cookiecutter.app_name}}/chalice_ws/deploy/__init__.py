"""Deploy an app as one CloudFormation stack for each stage. This package is never deployed.

`commands.py` has a function for each target of the Makefile. `make deploy` goes this way:

| step | module |
|---|---|
| sign-in, bucket, the stack's status and the Python version are checked | `commands.py` |
| tables and log groups that would block a new stack are found | `leftovers.py` |
| Chalice packages the files that git would commit | `run_chalice.py`, `shipped.py` |
| the zip gets the same bytes on any machine | `archive.py` |
| the resource files are merged into Chalice's template | `build.py` |
| the account gets a role for access logs, if the template has some | `account.py` |
| the code and the template are uploaded | `bucket.py` |
| CloudFormation creates or updates the stack | `stack.py` |
"""

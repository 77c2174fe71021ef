"""A simulated AWS: moto's server, and the parts of a deploy that moto lacks.

`python -m tests.deploy.aws` serves until its standard input ends.
"""

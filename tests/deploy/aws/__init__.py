"""AWS on this machine, for rehearsals: moto's server, and what moto lacks of what a deploy needs.

Each part steps aside once moto has it. `python -m tests.deploy.aws`
serves until its standard input ends.
"""

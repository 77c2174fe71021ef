"""The engine's tests: delivery, identity, protocol, storage and the gateway.

They have their own actions, access rules, settings and table. A change of the owner's files does
not break them: chalicelib/actions.py and access.py, .chalice/, resources.json and resources/.
"""

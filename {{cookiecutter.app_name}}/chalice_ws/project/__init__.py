"""The files of a Chalice app: .chalice/config.json, the resource files and the policies."""

"""`make check`: faults of an app that neither Chalice nor AWS would report."""

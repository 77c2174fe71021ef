"""Does not import."""

raise RuntimeError("no luck today")

"""Code that several services share. Each has a link to it in its vendor/ folder."""


def greet(name: str) -> str:
    return f"hello {name}"

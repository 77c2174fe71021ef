"""`python -m local`. What it starts imports this file too: so it has nothing in it."""

if __name__ == "__main__":
    from chalice_ws.local.cli import main

    main()

"""The entry point of `python -m chalice_ws.local`.

Each worker process imports this module again, so it imports nothing at the top.
"""

if __name__ == "__main__":
    from chalice_ws.project.hidden_modules import explain_hidden_modules

    with explain_hidden_modules():
        from chalice_ws.local.cli import main

        main()

"""The entry point of `python -m chalice_ws.deploy`."""

# A process that the command starts imports this module too, under another name.
if __name__ == "__main__":
    import sys

    from chalice_ws.project.hidden_modules import explain_hidden_modules

    with explain_hidden_modules():
        from chalice_ws.deploy.cli import main

        sys.exit(main())

"""The workshop: its lessons, and the command `chalice-ws lesson` that copies and checks them."""

"""An issuer of tokens for sign-in on this machine."""

"""Sign-in: the handshake's origin and its token. Only AUTH jwt loads PyJWT."""

"""Detection over HTTP: `mrcnn serve`, and the ASGI application behind it."""

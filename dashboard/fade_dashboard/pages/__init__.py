"""One file a page: ``layout()`` builds it, ``register(app, ...)`` wires it. Nothing is global."""

"""The HTTP face: decode, call one service, encode.

``runs``      create, resume, finish, list
``steps``     batches of steps
``schedule``  the live schedule and overrides
``series``    metrics over steps, and raw weights
``retention`` what a project keeps for how long
``health``    liveness and readiness
``bodies``    reading a body: limits, gzip, JSON
``problems``  errors as problem details
``docs``      how an operation is documented
``schemas``   what travels, for the documentation
``examples``  one example each, which a test really sends
"""

"""What a trainer's configuration really regularises: a pure audit of its KL settings.

``audit``     ``audit_config(mapping, trainer, version)`` and the verdict it returns
``rules``     the traps, as data
``setup``     a configuration in one language for all trainers
``config``    look-ups in a trainer's own keys
``detect``    which trainer a configuration is of
``advice``    the change to make, in each trainer's own keys
``trainers``  one small reader a trainer
``live``      a live configuration object as a mapping
``examples``  documented configurations, for the docs and the tests
"""

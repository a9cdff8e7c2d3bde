"""Importers: what other tools logged, as step records; one file a log format.

    from fade_client.importers.reading import read

    for run in read("outputs/checkpoint-250/trainer_state.json"):
        run.steps          # [{"step": 1, "entropy": 0.8, ...}, ...]
        run.unknown_keys   # what has no canonical name; kept under its own
        run.skipped        # every line and value that was left out, by reason

``detecting``  which format a file is in, by its content
``reading``    ``read``: a file, a folder or an address -> runs
``result``     ``ImportedRun``
``keys``       what the trainers call the canonical fields
``mapping``    a file in which a user says what an unknown log calls them
``draft``      rows as a format's reader finds them -> ``ImportedRun``
``spooling``   an imported run as a spool, for the ordinary way to a server
"""

"""Rules that each watch for one way in which a run goes wrong.

One file a detector: its ``ID``, its ``NEEDS`` (any one of these signals will do; a tuple is
needed as a whole), its ``START`` state, its texts, and the pure function
``step(state, view) -> (state, finding or None)``. Thresholds are in deviations of the run's own
noise and in parts of its own levels, never in absolute units alone.

``watch``    the alarm they share: hold, hysteresis, onset
``outcome``  whether the policy still does its job: solved, harmed

To add one: write the file, add it to ``fade_core.monitor.DETECTORS``, and the contract tests in
``tests/unit/core/test_detector_contract.py`` run on it.
"""

"""The service: stores what trainers report, computes FADE's schedule, answers what is asked.

``main``      ``create_app(settings)``, and the outermost layer
``routes``    decode, call one service, encode
``services``  validation, ingest, the scheduler, series
``queries``   every statement, as ``verb_noun(session, ...)``
``tables``    what is stored
``settings``  what can be configured
``security``  the gate in front of everything
``schema``    upgrades, and refusing a database that is behind
``errors``    the exceptions of this package
"""

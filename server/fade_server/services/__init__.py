"""What the service does, between the routes and the queries.

``context``     what every service needs: store, settings, clock, notifier
``codec``       non-finite floats and schedules, as JSON can carry them
``batch``       a body of steps, checked field by field
``fields``      checks of single fields
``rows``        a checked batch in the form of rows
``ingest``      a checked batch into the store, and the scheduler with it
``runs``        create, resume, finish
``listing``     runs as people see them: one, or a page of many
``schedule``    the live schedule, overrides, the trail
``notifier``    wakes the requests that wait for a schedule
``metrics``     the names of what can be drawn
``series``      metrics over steps
``points``      metrics from the rows of the store
``levels``      metrics of long runs, without their rows: written
``charts``      the same, read
``blocks``      what charts are made from, and a memory of it
``folding``     the envelopes of many metrics at once
``answers``     charts that were asked for lately
``downsample``  fewer points with the same envelope
``retention``   what is kept for how long, and the deletion of the rest
``weights``     raw advantage weights of one step
"""

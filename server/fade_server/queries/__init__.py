"""Every read and write of the store, as functions from a session to plain records.

``engine``     the connection, and the two kinds of transaction
``bulk``       many rows in one go
``channel``    word of changes between processes on one PostgreSQL
``runs``       runs, their tags and their attempts
``steps``      step records and raw weights
``levels``     blocks of the levels of detail
``retention``  policies, and deleting in pieces
``schedules``  what the scheduler computed and what people pinned
"""

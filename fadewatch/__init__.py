"""Fadewatch: the command line and the composition root; the one place that knows all the others."""

"""Importers, one file a log format; none yet."""

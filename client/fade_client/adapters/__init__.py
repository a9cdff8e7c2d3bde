"""Adapters, one file a trainer; none yet: a plain loop needs only ``fade_client.init``."""

"""Streaming detectors: one file each, a pure step over a frozen state."""

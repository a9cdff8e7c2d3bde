"""The hook for trainers."""

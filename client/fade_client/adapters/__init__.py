"""Adapters: one a trainer, over the same core. ``ADAPTERS`` lists them, and how each was checked.

A plain loop needs none: ``fade_client.init`` and two lines in the loop.

``controller``  FADE where one process computes all advantages
``session``     one record a batch, joined from what the trainer says at different times
``rows``        weights for rollouts that are kept as rows
``signals``     which metric of a trainer is which field
``coverage``    what a run reports, which detectors that feeds, and what is missing
``ranks``       what the ranks of a distributed job have to agree on
"""

from fade_client.adapters.listing import ADAPTERS, Adapter

__all__ = ["ADAPTERS", "Adapter"]

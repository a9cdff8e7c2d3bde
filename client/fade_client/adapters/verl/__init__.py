"""verl: an advantage estimator and a tracking backend.

``plugin``     the entry point that verl loads; importing it registers both
``estimator``  ``algorithm.adv_estimator=fade``
``tracking``   ``trainer.logger='["console","fade"]'``
``sessions``   agent loops with several outputs: the last one of each session counts
"""

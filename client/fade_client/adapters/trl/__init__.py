"""TRL's ``GRPOTrainer``, and what is built on it.

``attaching``   wraps two methods of the trainer and adds a callback
``attachment``  what they call: watches every rollout batch, and replaces its advantages
``rewards``     the gathered rewards, and FADE's advantages of them
``metrics``     what TRL measures, and what its settings make available
``callback``    ties the run's life, and its state, to the trainer's
"""

"""Pure mathematics and rules of RL training dynamics: no input, no output, no clock.

``advantages``     weights that each advantage function gives to a group of rewards
``gradient_mass``  the positive and negative mass of a batch of weights
``scheduler``      FADE: the pair (alpha, delta) as a pure function of what was observed
``weights``        what one batch of weights looks like: moments, tails, difficulty
``records``        the fields of a step record, their units and ranges
``passk``          unbiased pass@k
``diversity``      how many different answers, how many groups without spread
``whatif``         what other advantage functions would have made of recorded rewards
``kl``             estimators of the KL to a reference; ``kl_placement``, ``kl_checks``
``kl_table``       what a KL configuration regularises; ``kl_configurations`` all of them
``kl_audit``       what a trainer's settings regularise, and what to change
``kl_monitor``     the KL statistics of one step
``losses``         APA and AWR: residuals, weights, what the critic explains
``reading``        from a step record to the signals that detectors follow
``signals``        one bounded summary of every signal: level, start, noise, past
``detectors``      one rule a file: what each way of failing looks like
``monitor``        all of them over one run, a pure step over a storable state
``resume``         that state as JSON and back
``findings``       what a detector says, and the schedule it proposes
``forecast``       where the entropy is heading, with an interval, or nothing
``diagnosis``      incidents, coverage and one headline: the reading of a run
``report``         that reading as a value, as JSON and as an exit code
``errors``         the exceptions of this package
``torch``          the same on tensors; the one sub-package that needs torch

Nothing is imported here, so that the client, the server and the dashboard can use the rules
without torch installed.
"""

"""The tensor side of fade_core.

``advantages``  the family of advantage functions
``entropy``     token entropy
``spectrum``    the output head's update
``kl``          KL penalties as losses
``kl_exact``    expected gradients by enumeration; ``kl_targets``, ``kl_report``
``losses``      PPO, GRPO, APA and AWR; ``aggregation``
"""

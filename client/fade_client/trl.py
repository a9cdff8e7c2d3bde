"""Watch or steer a TRL trainer with one line.

    import fade_client.trl

    fade_client.trl.attach(trainer, project="countdown", mode="control")
    trainer.train()

``attach``      the line
``Attachment``  what it returns
"""

from fade_client.adapters.trl.attaching import attach
from fade_client.adapters.trl.attachment import Attachment

__all__ = ["Attachment", "attach"]

"""The tensor side of fade_core: advantages, entropy and the output head's update."""

"""The policy: which few MLLMs to train, and what they say about the rest."""

"""The verbs that train, and those for projectors."""

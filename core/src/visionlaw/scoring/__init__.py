"""What serves every scorer: the names of representations, and scores that last. Imports no torch."""

"""Pictures and reports of what was measured."""

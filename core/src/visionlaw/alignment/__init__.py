"""Alignment: how well projected visual tokens fit the language model. The law's A."""

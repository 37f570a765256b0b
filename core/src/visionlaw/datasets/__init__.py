"""Correspondence data sets on the disk: records, their index, and what is wrong with them."""

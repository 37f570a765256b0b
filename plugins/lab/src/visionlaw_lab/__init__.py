"""The law in vitro: a small world in which scoring, training and evaluating run for real on two CPU cores.

- :mod:`visionlaw_lab.plugin`: what visionlaw lists; light.
"""

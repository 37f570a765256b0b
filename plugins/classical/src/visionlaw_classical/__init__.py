"""Dense hand-crafted encoders: honest baselines without weights.

- :mod:`visionlaw_classical.plugin`: what visionlaw lists; light.
- :mod:`visionlaw_classical.encoder`: from a description of one image to a visionlaw encoder.
- :mod:`visionlaw_classical.windows`: the surroundings of every token, and their normalisation.
- :mod:`visionlaw_classical.colour`, :mod:`~visionlaw_classical.frequency`, :mod:`~visionlaw_classical.gradients`,
  :mod:`~visionlaw_classical.texture`: the descriptors.
- :mod:`visionlaw_classical.random_net`: the control.
"""

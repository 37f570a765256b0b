"""Any vision model of timm, as tokens or feature maps.

- :mod:`visionlaw_timm.plugin`: what visionlaw lists and resolves; light.
- :mod:`visionlaw_timm.facts`: what is known about a model, and the spec that follows from it; light.
- :mod:`visionlaw_timm.catalogue`: the facts of well-known models; light.
- :mod:`visionlaw_timm.resolving`: from an id to the facts of any model, asked of timm on the meta device.
- :mod:`visionlaw_timm.backbone`: a model without its head, and reading its layers.
- :mod:`visionlaw_timm.encoder`: from a spec to an encoder.
- :mod:`visionlaw_timm.tiny`: tiny random checkpoints of any model, for the checks.
"""

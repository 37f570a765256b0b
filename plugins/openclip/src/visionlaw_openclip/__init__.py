"""The vision tower of any OpenCLIP model.

- :mod:`visionlaw_openclip.plugin`: what visionlaw lists and resolves; light.
- :mod:`visionlaw_openclip.facts`: what is known about a tower, and the spec that follows from it; light.
- :mod:`visionlaw_openclip.catalogue`: the facts of well-known towers, and their short names; light.
- :mod:`visionlaw_openclip.resolving`: from an id to the facts of any tower, asked of open_clip on the meta device.
- :mod:`visionlaw_openclip.tower`: a tower without its projection, and reading its layers.
- :mod:`visionlaw_openclip.checkpoint`: a tower with the weights of a folder.
- :mod:`visionlaw_openclip.encoder`: from a spec to an encoder.
- :mod:`visionlaw_openclip.tiny`: tiny random checkpoints of any model, for the checks.
"""

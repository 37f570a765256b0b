"""Vision transformers of the transformers library, as visionlaw encoders.

- :mod:`~visionlaw_transformers.clip`, :mod:`~visionlaw_transformers.siglip`, :mod:`~visionlaw_transformers.siglip2`,
  :mod:`~visionlaw_transformers.dinov2`, :mod:`~visionlaw_transformers.dinov3`, :mod:`~visionlaw_transformers.hf`: the
  families that visionlaw lists and resolves; light.
- :mod:`visionlaw_transformers.families`: official checkpoints, and ids made of them; light.
- :mod:`visionlaw_transformers.configs`: what a checkpoint's config.json says; light.
- :mod:`visionlaw_transformers.towers`: from a spec to an encoder.
- :mod:`visionlaw_transformers.loading`: from a folder to a module without weights that were never loaded.
- :mod:`visionlaw_transformers.encoder`: tokens of one or several layers.
- :mod:`visionlaw_transformers.anatomy`: where a module has its blocks and its patch tokens.
- :mod:`visionlaw_transformers.tiny`: tiny random checkpoints of all families, for the checks.
"""

"""The semantic correspondence benchmark of AP-10K (Zhang et al., CVPR 2024; the animals: Yu et al., NeurIPS 2021).

- :mod:`visionlaw_ap10k.plugin`: what visionlaw lists; light.
- :mod:`visionlaw_ap10k.animals`: one annotated animal: box, keypoints, family and species.
- :mod:`visionlaw_ap10k.dataset`: the pairs.
- :mod:`visionlaw_ap10k.tiny`: a miniature of it, for checks.
"""

"""SPair-71k: pairs of different objects of one kind, with annotated keypoints.

- :mod:`visionlaw_spair.plugin`: what visionlaw lists; light.
- :mod:`visionlaw_spair.annotations`: what one annotation file says.
- :mod:`visionlaw_spair.reader`: the pairs of a split, each joined with the annotations of its images.
- :mod:`visionlaw_spair.dataset`: the data set.
- :mod:`visionlaw_spair.tiny`: a miniature of it, for checks.
"""

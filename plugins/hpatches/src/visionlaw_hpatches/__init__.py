"""HPatches: photographs of planes under other viewpoints, and of scenes in another light, with their homographies.

- :mod:`visionlaw_hpatches.plugin`: what visionlaw lists; light.
- :mod:`visionlaw_hpatches.homography`: the files ``H_1_2`` … ``H_1_6``: read, checked, applied to points.
- :mod:`visionlaw_hpatches.points`: which points of a reference image are searched.
- :mod:`visionlaw_hpatches.reader`: the folders of sequences, one record per pair.
- :mod:`visionlaw_hpatches.dataset`: the data set.
- :mod:`visionlaw_hpatches.tiny`: a miniature of it, for checks.
"""

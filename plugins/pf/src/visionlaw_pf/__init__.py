"""The semantic correspondence data sets PF-PASCAL and PF-WILLOW (Proposal Flow, Ham et al., TPAMI 2018).

- :mod:`visionlaw_pf.plugin`: what visionlaw lists; light.
- :mod:`visionlaw_pf.pascal`: PF-PASCAL: pair lists, and keypoints in MATLAB files.
- :mod:`visionlaw_pf.willow`: PF-WILLOW: one table of pairs and keypoints.
- :mod:`visionlaw_pf.tables`: the tables of pairs, and where they lie.
- :mod:`visionlaw_pf.keypoints`: positions as MATLAB counts them, and the files that hold them.
- :mod:`visionlaw_pf.matfile`: a matrix from a MATLAB file that nobody vouches for.
- :mod:`visionlaw_pf.tiny`: miniatures of both, for checks.
"""

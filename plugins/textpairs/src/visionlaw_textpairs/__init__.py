"""Correspondence pairs of text: one content drawn twice, with exact ground truth from the renderer.

- :mod:`visionlaw_textpairs.plugin`: what visionlaw lists; light.
- :mod:`visionlaw_textpairs.words`, :mod:`visionlaw_textpairs.fonts`: what is written, and with what.
- :mod:`visionlaw_textpairs.dice`: everything random, and how far the two images of a pair are apart.
- :mod:`visionlaw_textpairs.look`, :mod:`visionlaw_textpairs.page`: a page, and where each thing on it is.
- :mod:`visionlaw_textpairs.fitting`: how large text can be.
- :mod:`visionlaw_textpairs.scattered`, ``paragraphs``, ``tables``, ``charts``, ``forms``: the kinds of page.
- :mod:`visionlaw_textpairs.camera`: perspective, light and noise.
- :mod:`visionlaw_textpairs.dataset`: the pairs.
"""

"""Image sources: a benchmark's images, or images with captions, and drawing some of them by seed. Imports no torch.

A source is anything that counts its images and yields them in a fixed order, each with its caption or None
(:class:`visionlaw.protocols.ImageSource`). Core has four of its own: a ``folder``, a ``list`` of files, ``parquet``
tables, and the folders of Hugging Face data sets (``hf``). :func:`draw` takes n of them.
"""

from __future__ import annotations

from visionlaw.images.drawing import Drawn, draw

__all__ = ["Drawn", "draw"]

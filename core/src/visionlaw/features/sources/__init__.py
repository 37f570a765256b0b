"""Whatever a user passes as images, as one lazy stream of sources.

:func:`read_sources` takes paths, folders, tar shards, images in memory and rows of data sets, and yields
:class:`Source` s: named, and neither read nor decoded before a worker calls :attr:`Source.open`. What is wrong with one
image is raised there, so that the others go on.
"""

from __future__ import annotations

from visionlaw.features.sources.source import Source
from visionlaw.features.sources.stream import count, read_sources

__all__ = ["Source", "count", "read_sources"]

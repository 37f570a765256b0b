"""What a representation makes of an image, told before an image is read."""

from __future__ import annotations

import pytest
from PIL import Image

from visionlaw.features.extractor import Extractor
from visionlaw.project import Project
from visionlaw_mllm.fitting import shape_of


@pytest.mark.parametrize(
    "name",
    [
        "classical/rgb@256",
        "classical/rgb@256 + classical/hog@256",
        "classical/rgb@256 + classical/dct@384",
        "classical/gabor@112 + classical/rgb@256",
    ],
)
def test_the_shape_is_that_of_the_features_also_where_resolutions_differ(name: str) -> None:
    project = Project.find()
    chosen = project.representations([name])
    combiner = project.registry.load("combiner", "concat")
    shape = shape_of(chosen[0], combiner)
    (image,) = Extractor(chosen, combiner).extract([Image.new("RGB", (90, 70), (9, 80, 200))])
    assert (shape.tokens, shape.channels) == tuple(image.features.tokens.shape)

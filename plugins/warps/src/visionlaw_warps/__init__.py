"""Correspondence pairs with exact ground truth, made from any folder of images by seeded warps.

- :mod:`visionlaw_warps.plugin`: what visionlaw lists; light.
- :mod:`visionlaw_warps.photos`: the images: a folder of yours, or scikit-image's photographs.
- :mod:`visionlaw_warps.corners`: where the keypoints are.
- :mod:`visionlaw_warps.homography`: the geometric warp, drawn and applied to points.
- :mod:`visionlaw_warps.rotation`: homographies of a print that is turned in depth.
- :mod:`visionlaw_warps.blur`, :mod:`visionlaw_warps.light`: what changes the picture and moves nothing.
- :mod:`visionlaw_warps.rendering`: the recipe of a warped image, and the image it draws.
- :mod:`visionlaw_warps.kinds`: which of these a pair has.
- :mod:`visionlaw_warps.attributes`: what a pair's score is broken down by.
- :mod:`visionlaw_warps.dataset`: the pairs.
"""

"""Correspondence pairs with exact ground truth, made from any folder of images by seeded warps.

- :mod:`visionlaw_warps.plugin`: what visionlaw lists; light.
- :mod:`visionlaw_warps.photos`: the images: a folder of yours, or scikit-image's photographs.
- :mod:`visionlaw_warps.corners`: where the keypoints are.
- :mod:`visionlaw_warps.homography`: the geometric warp, drawn and applied to points.
- :mod:`visionlaw_warps.rendering`: the recipe of a warped image, and the image it draws.
- :mod:`visionlaw_warps.dataset`: the pairs.
"""

"""Correspondence: which share of keypoints the frozen features find again in another image. The law's C."""

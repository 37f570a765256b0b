"""Decoder-only MLLMs of any representation: frozen encoder, projector, causal language model (LLaVA).

- :mod:`visionlaw_mllm.plugin`: what visionlaw lists; light.
"""

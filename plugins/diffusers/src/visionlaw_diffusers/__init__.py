"""Diffusion models as vision encoders: one denoising step, and the activations of an inner block.

- :mod:`visionlaw_diffusers.sd`, :mod:`~visionlaw_diffusers.sdxl`, :mod:`~visionlaw_diffusers.dit`,
  :mod:`~visionlaw_diffusers.sd3`: what visionlaw lists; light, like :mod:`~visionlaw_diffusers.listing`.
- :mod:`visionlaw_diffusers.components`: from a pipeline's folder to its components.
- :mod:`visionlaw_diffusers.latents`: the encoder half of the VAE.
- :mod:`visionlaw_diffusers.noise`: noise that depends on nothing but the image.
- :mod:`visionlaw_diffusers.schedule`: how much of it there is at a time step.
- :mod:`visionlaw_diffusers.conditioning`: what the denoiser is told: an empty prompt, no class, the image itself.
- :mod:`visionlaw_diffusers.denoisers`: running a U-Net or a transformer as far as the block that is read.
- :mod:`visionlaw_diffusers.folding`: 2×2 tokens into one.
- :mod:`visionlaw_diffusers.encoder`: all of it together, as a visionlaw encoder.
- :mod:`visionlaw_diffusers.unet`, :mod:`visionlaw_diffusers.transformer`: the targets of the specs.
- :mod:`visionlaw_diffusers.tiny`: tiny random pipelines of all families, for the checks.
"""

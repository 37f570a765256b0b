"""The law in vitro: a small world in which scoring, training and evaluating run for real on two CPU cores.

- :mod:`visionlaw_lab.plugin`: what visionlaw lists; light.
- :mod:`visionlaw_lab.scenes`: what there is to see; :mod:`visionlaw_lab.rendering` draws it.
- :mod:`visionlaw_lab.captions`: and :mod:`visionlaw_lab.questions`: it in words, and the six benchmarks.
- :mod:`visionlaw_lab.sources`: and :mod:`visionlaw_lab.pairs`: what A and C are measured on.
- :mod:`visionlaw_lab.recipes`: how :mod:`visionlaw_lab.encoders` and the :mod:`visionlaw_lab.language` model are
  trained.
- :mod:`visionlaw_lab.plans`: what a run does; :mod:`visionlaw_lab.folder`: its project.
- :mod:`visionlaw_lab.loop`: the run; :mod:`visionlaw_lab.trainer`: its trainings; :mod:`visionlaw_lab.workers`:
  several at a time.
- :mod:`visionlaw_lab.tiny_encoders`: and :mod:`visionlaw_lab.tiny_project`: what the checks load.
- :mod:`visionlaw_lab.tables`: and :mod:`visionlaw_lab.views`: what it found.
"""

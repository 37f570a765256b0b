"""Decoder-only MLLMs of any representation: frozen encoder, projector, causal language model (LLaVA).

- :mod:`visionlaw_mllm.plugin`: what visionlaw lists; light.
- :mod:`visionlaw_mllm.records`: records in LLaVA's form, from any of the :mod:`visionlaw_mllm.formats`, in an
  :mod:`visionlaw_mllm.order`.
- :mod:`visionlaw_mllm.templates`: what a conversation becomes as one text; :mod:`visionlaw_mllm.prompts`: as tokens
  and labels.
- :mod:`visionlaw_mllm.batches`: projected tokens spliced into embedded text.
- :mod:`visionlaw_mllm.recipes`: hyper-parameters by name.
- :mod:`visionlaw_mllm.align`: stage 1; :mod:`visionlaw_mllm.stage1` is its training.
- :mod:`visionlaw_mllm.finetune`: stage 2; :mod:`visionlaw_mllm.stage2` is its training.
- :mod:`visionlaw_mllm.resumable`: what both trainings share: checkpoints, the loss curve; :mod:`visionlaw_mllm.runs`:
  their files.
- :mod:`visionlaw_mllm.mllm`: the trained model; :mod:`visionlaw_mllm.saved`: its folder;
  :mod:`visionlaw_mllm.answering`: its answers.
- :mod:`visionlaw_mllm.llava_files`: LLaVA's ``mm_projector.bin``.
- :mod:`visionlaw_mllm.lmms`: the model of lmms-eval; :mod:`visionlaw_mllm.trainer`: the trainer ``llava``.
- :mod:`visionlaw_mllm.tiny`: miniatures, for checks.
"""

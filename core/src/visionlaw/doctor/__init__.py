"""A report on everything that visionlaw stands on, made to be pasted into an issue.

Each section of it is a module with one function ``examine(bench) -> Section``. A section that fails says so in its
place and the others go on; what could hang or end Python (plugins, a GPU's driver, a database) is done in a process of
its own. Nothing is changed, fetched or written. What comes out holds no secret and no home folder: see
:mod:`visionlaw.doctor.privacy`.

Nothing is imported here, since every such process would import it too.

- :mod:`visionlaw.doctor.report`: ``examine(project) -> Report``, the report as a whole.
- :mod:`visionlaw.doctor.bench`: what the sections look at, and what several of them need.
- :mod:`visionlaw.doctor.section`: ``Section`` and ``Finding``, what a section says.
- :mod:`visionlaw.doctor.processes`: the processes of their own.
"""

from __future__ import annotations

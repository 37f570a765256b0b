"""New plugins: a complete distribution of any kind, which runs, is tested and can be published as it is written.

- :mod:`visionlaw.newplugin.kinds`: the kinds, and what differs about their metadata.
- :mod:`visionlaw.newplugin.names`: which names a plugin may have.
- :mod:`visionlaw.newplugin.rendering`: the files, from the templates beside this module.
- :mod:`visionlaw.newplugin.writing`: all of them on the disk, or nothing.
"""

"""A local service that behaves like a remote one: a server of its own that renders clips, and the adapter to it.

adapter   what vidpipe uses; knows only HTTP
server    `python -m vidpipe.services.procedural.server`: the process; app holds its routes
bill      what was accepted and what it costs, in the service's own database (store)
limits    operations in flight and requests a minute; injections: faults while it runs, and their log
replies   what is said of an operation, and how no is said
renderers keeps the renderer processes; renderer is what runs in each of them
faults    what can be made to go wrong on purpose
words, painting, sound, encode: from a prompt's words to an MP4
"""

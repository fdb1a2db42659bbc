"""Benchmarks: how fast a film is made, what a scene costs, how many operations one process can ask about.

They never gate: an exit code tells only whether a figure could be measured. README.md has the figures.
"""

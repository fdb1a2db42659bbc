"""What is done to a film, one module a step, named as the step.

The way of a scene:  plan > submit > poll (parked, asked by the wave) > download > score > gather > select >
analyze > advance; and of the film: settle > stitch. `sweep` finds what was lost. Every step claims its row in
one transaction, works with none open, and records in another.
"""

"""What is wrong with a cluster, and what is stuck: since when, why, and what to do (`vidpipe doctor`).

    examine.py   asks everything at once and has it judged; asking.py: nothing hangs
    finding.py   what is said; site.py: which cluster is meant
    database.py broker.py store.py media.py     the servers
    workers.py rows.py                          who works, and what does not move
    services.py orders.py                       what is bought, and what became of it
    films.py record.py                          what waits for a person, and what the cluster keeps of itself

Each group is a `look`, which asks and may raise, and a `judge`, which only thinks: it is given what was answered and
yields findings. It changes nothing anywhere, but for a small file and a key that it writes and removes to see
whether that can be done.
"""

from __future__ import annotations

from vidpipe.doctor.examine import examine
from vidpipe.doctor.finding import Diagnosis, Finding, Place, Severity

__all__ = ["Diagnosis", "Finding", "Place", "Severity", "examine"]

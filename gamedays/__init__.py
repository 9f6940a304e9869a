"""Game days: faults on purpose, under load, and a verdict. In the manner of Jepsen.

    scenario   a file that a person reads: what to break, when, and what must hold
    workload   drives load and writes the history       gamedays/workloads/  (in a container)
    nemesis    does the fault and undoes it             gamedays/nemeses/    (from the host)
    checker    judges the history; pure                 gamedays/checkers/

A run is a folder under reports/gamedays/. Its history.jsonl holds every operation, every fault and
what the stores said at the end, so that it can be judged again: `python -m gamedays judge FOLDER`.
"""

"""Workloads: clients that drive load, write the history, and never believe more than they know.

They run in the tools container, beside the cluster: `python -m gamedays.workloads`.
"""

"""Planted bugs: does each checker see what it is there to see? `make gamedays-mutants`.

What ships has no switch for any of this. A test image of its own (target `planted` of
docker/python.Dockerfile) has these files beside the code, and a `sitecustomize` by which each
process there plants the bug that PLANTED_BUG names, before anything else runs. The variable is read
in that one place, and means nothing in any other image.
"""

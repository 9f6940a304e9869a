"""The live terminal view: collect (I/O), model (merging, pure), view (rendering, pure)."""

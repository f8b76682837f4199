"""The running program: the task tree, one loop per channel, one supervisor per model server."""

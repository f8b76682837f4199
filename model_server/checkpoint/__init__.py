"""A checkpoint on disk: weights in GGUF beside ``manifest.json``."""

"""The REST interface: one module per subject; ``app`` puts them behind HTTP."""

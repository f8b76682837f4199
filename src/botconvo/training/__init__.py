"""From a corpus to a checkpoint: examples, base, LoRA training, and the folder that comes out.

Nothing here is imported by anything but the command line (and the text of a persona's table by
``old_configs``), and torch only by ``network``, ``trainer`` and ``state``, which are themselves
imported when a training really starts.
"""

"""The decisions of a talk, pure: who speaks when, about what, and which words are posted."""

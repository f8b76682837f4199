"""A model in Hugging Face's form becomes a GGUF file that the engine serves.

``conversion`` is the way in; ``families`` says which models, ``splitting`` which tokenizers.
"""

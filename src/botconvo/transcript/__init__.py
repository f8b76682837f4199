"""The transcript of a conversation as text: the same code for training and for the live talk."""

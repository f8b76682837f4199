"""Fine-tuning by gpt-2-simple itself: a CSV of one column in, a checkpoint that keeps its run out.

TensorFlow runs in a process of its own (``side``), which grows as it runs and gives nothing back.
Nothing here needs torch.
"""

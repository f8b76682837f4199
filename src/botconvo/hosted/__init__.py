"""Clones that are tuned, and speak, on a service with OpenAI's interface.

    forms.py       a talk as the service reads it: the same for a training file and for a live turn
    prices.py      what a job may cost
    records.py     what stays here of every job, so that it can be followed, and forgotten
    service.py     the service itself: files, jobs, models; every failure is one line
    tuning.py      from a corpus to files, a job, a model
    voice.py       a clone that speaks through the model

What goes out are the words of those alone who agreed to that service as a processor, without what
is private; what it calls a person is their name in transcripts.  The key goes nowhere else.
"""

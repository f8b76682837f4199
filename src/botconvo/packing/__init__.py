"""Training on another computer: a pack goes out, a clone comes back.

    at home                       elsewhere                      at home
    train NAME --pack             train-packed FOLDER            adopt ARCHIVE
    pack.py writing.py wheel.py   away.py                        result.py adopting.py
    notebook.py records.py

A *pack* is one zip file: ``pack.json``, the corpus as text, the base, BotConvo itself as a wheel,
and a notebook that does the rest in a hosted notebook.  A *result* is one zip file: the checkpoint
and the id of the pack.  At home a *record* of every pack stays, by which a result is known again.

What goes out holds the words of those alone who agreed to the processor that it goes to, under the
names of the transcript; no store, no settings of the project, no author ids, no dates.  What comes
back is data from elsewhere and is believed nothing: ``result.py`` takes the three files of a
checkpoint and no other, ``adopting.py`` compares them with the record, the ledger and the base.
"""

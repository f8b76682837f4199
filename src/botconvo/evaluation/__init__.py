"""How alike a clone is to its friend, whether it copies, and what to do about it.

Measures are pure functions over texts (``intervals``, ``attribution``, ``two_sample``, ``ranking``,
``habits``, ``variety``, ``copying``); ``drawing`` asks a real model server, ``scoring`` runs torch;
``measuring`` puts them together into the values of ``report``, which ``advice`` reads and ``page``
shows.  Nothing here knows of consent: whoever calls it has looked (``botconvo.evaluating``).
"""

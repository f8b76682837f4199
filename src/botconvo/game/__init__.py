"""The blind game: "friend or clone?".  Pure: what a round shows, its verdict, and the score.

A round shows a few lines of a later talk and one line that follows them.  It is the friend's own or
the clone's, drawn by a fair coin, and players know that.  One line and not two side by side: that
is what people meet in a channel, a guess that is always the same gains nothing, and at half of the
places nobody sees what the friend really wrote.
"""

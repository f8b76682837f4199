"""One checkpoint behind one HTTP address: the process that gives a persona its words."""

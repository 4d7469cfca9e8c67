"""One file or package per technology; each knows its port and never its neighbor."""

"""The things imagegen is about and the rules they obey; standard library only.

Read in this order: `generations` (what a generation is and may become), `attempts` (the calls it takes), `images`,
`catalog` (what a model can do and costs), `ports` (what all of it needs from the world), `errors` (how things go
wrong).
"""

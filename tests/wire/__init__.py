"""Providers played on a socket: their wire format, their refusals, and the ways in which a network fails.

An adapter is given the url of a `FakeOpenAI` or a `FakeGemini` and sends real requests; a test scripts the answers
in the vocabulary of `behaviors`, the same for all providers, and reads what was sent from `calls`.
"""

"""imagegen: image generation that outlives the model, behind one HTTP contract."""

__version__ = "0.1.0"

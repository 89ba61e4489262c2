"""Evaluation against the ground truth: landings, rankings of trails, comparisons of recipes."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

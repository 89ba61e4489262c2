"""Reports of results for people: one page that opens in any browser, and a methods paragraph."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

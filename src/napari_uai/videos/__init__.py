"""Files to lazy videos and back; nothing here knows what the picture shows."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

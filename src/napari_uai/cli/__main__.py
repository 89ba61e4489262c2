"""``python -m napari_uai.cli``, where the console script is not on the path."""

import sys

from napari_uai.cli import main

if __name__ == "__main__":
    sys.exit(main())

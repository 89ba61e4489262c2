"""Parts of ``tools/fuzz.py``: damaged and hostile files, opened in processes with limits."""

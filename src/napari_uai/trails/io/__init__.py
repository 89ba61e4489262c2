"""Files to trails and back."""

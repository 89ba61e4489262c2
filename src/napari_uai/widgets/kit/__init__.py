"""Parts shared by all widgets."""

"""Pictures of trails."""

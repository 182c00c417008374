"""Work that the engine runs for this room."""
